"""Insight: what is out of the ordinary, and why. Pure so far: it reads series, and touches nothing that serves."""
