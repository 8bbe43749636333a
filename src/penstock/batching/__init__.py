"""Calls of several callers that an upstream takes as one list go to it as one call."""
