"""What model servers tell of themselves on their metrics pages."""
