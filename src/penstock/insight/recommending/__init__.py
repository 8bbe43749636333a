"""Recommendations, by what they are about: each with its benefit from own numbers and the config that does it. Pure."""
