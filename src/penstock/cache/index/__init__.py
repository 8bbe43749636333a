"""Vectors and who is nearest: one index a partition, in memory, of 8-bit rows."""
