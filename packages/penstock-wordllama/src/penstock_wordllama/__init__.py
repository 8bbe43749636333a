"""Data alone: static vectors of WordLlama, and their tokeniser."""
