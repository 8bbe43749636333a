"""A folder on disk in which things appear and go whole."""
