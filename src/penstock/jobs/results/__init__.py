"""The log of a job's answers."""
