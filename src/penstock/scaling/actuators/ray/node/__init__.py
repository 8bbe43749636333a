"""What runs on a node: an actor around one command."""
