"""The journal: a row a call in the store, what is made of the rows, and the prompts that are worth warming."""
