"""That process itself: the only place where Ray is imported."""
