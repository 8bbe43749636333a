"""Slice: state that outlives the process or is shared. Three stores behind the port ``core/stored.py``."""
