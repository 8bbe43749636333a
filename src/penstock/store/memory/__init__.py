"""State in this process alone."""
