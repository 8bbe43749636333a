"""The routing room: which upstream serves a call, and with which strategy it is chosen."""
