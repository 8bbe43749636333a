"""Texts as vectors: the embedders, their weights, and the service that keeps them off the event loop."""
