"""Replicas on the nodes of a Ray cluster. Only ``cluster/`` imports Ray, in a process of its own."""
