"""What operators ask of jobs."""
