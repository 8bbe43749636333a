"""How to speak with each kind of upstream."""
