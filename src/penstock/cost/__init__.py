"""Cost: what calls cost and what was spared, the ledger of it, and what the month will come to."""
