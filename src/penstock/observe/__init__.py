"""Counting, timing and remembering calls: metrics, the ring of recent calls, the access log."""
