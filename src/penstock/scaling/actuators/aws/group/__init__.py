"""Instances of an EC2 Auto Scaling group."""
