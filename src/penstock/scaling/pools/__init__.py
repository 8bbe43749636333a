"""Who has pools become what was decided."""
