"""Replicas that are capacity of AWS."""
