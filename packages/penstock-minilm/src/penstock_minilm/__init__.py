"""Data alone: the weights of all-MiniLM-L6-v2 in 8 bits, and its tokeniser."""
