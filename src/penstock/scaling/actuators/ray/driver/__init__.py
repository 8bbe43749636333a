"""The process that speaks to a cluster, as the gateway holds it."""
