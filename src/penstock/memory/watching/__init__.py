"""Reads what is held, asks the leak finder, and acts on what it finds."""
