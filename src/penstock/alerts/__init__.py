"""Alerts: what is open, what was, and who is told of it by webhook."""
