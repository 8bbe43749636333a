"""Keys, and what each may do."""
