"""What is read from the server."""
