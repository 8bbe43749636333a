"""Who may be served now, who waits, and who is refused."""
