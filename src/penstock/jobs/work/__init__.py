"""A job at work."""
