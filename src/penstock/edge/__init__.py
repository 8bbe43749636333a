"""The door: routes, endpoint, reply writer."""
