"""Answers kept and given again: exactly equal calls, and calls that ask the same."""
