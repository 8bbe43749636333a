"""The lines of a job in flight."""
