"""Processes: one worker serving, and the supervisor that owns what must outlive it."""
