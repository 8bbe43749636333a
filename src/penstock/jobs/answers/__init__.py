"""What callers ask of files and jobs, answered."""
