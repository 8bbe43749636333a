"""The memory room: bytes are reserved before they are read."""
