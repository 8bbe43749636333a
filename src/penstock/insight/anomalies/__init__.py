"""Anomalies: what changes in which calls, which of the changes is the cause of the others, and whose fault it is."""
