"""The cache: answers given before, told again to whom they may be told, while they are known to be right."""
