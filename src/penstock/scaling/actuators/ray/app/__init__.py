"""Replicas of a Ray Serve deployment, by Serve's REST API."""
