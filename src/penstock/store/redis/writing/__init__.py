"""What is written to the server."""
