"""How many calls an upstream is given at once: a number, or one that is found out."""
