"""Replicas by signal."""
