"""Replicas that are pods of a workload, by its scale subresource."""
