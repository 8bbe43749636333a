"""Dialects and formats, pure: bytes in, facts and bytes out. Imports only core."""
