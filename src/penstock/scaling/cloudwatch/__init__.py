"""Metrics for CloudWatch: what AWS scales by."""
