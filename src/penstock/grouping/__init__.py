"""Chats that begin alike, or are about the like, are sent so that the upstream computes what they share once."""
