"""Calls of our own through the rooms."""
