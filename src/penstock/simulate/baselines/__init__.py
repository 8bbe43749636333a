"""Policies of other gateways, re-implemented to be compared with: one file each, with its formula and source."""
