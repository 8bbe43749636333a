"""Penstock: one address, speaking the OpenAI and Anthropic APIs, in front of every model you rent or run."""

__version__ = "0.1.0"
