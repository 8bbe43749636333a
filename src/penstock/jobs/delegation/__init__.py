"""A job passed on to a provider's own batch API."""
