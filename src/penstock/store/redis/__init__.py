"""State in a Redis server, shared by a fleet."""
