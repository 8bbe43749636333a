"""The dashboard: one page, served by the gateway itself."""
