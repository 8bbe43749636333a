"""Streams that outlive their connection: kept for a while, and continued where a reader left off."""
