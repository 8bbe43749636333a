"""What holds calls up: eleven kinds, each with its numbers, what it costs, and what to do about it. Pure."""
