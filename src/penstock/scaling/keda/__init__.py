"""Who decides, once for all workers."""
