"""Where the file is."""
