"""The nouns every room may use. Imports nothing of Penstock."""
