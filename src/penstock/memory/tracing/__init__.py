"""Traces allocations for a while, on demand."""
