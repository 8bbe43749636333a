"""Questions to AWS."""
