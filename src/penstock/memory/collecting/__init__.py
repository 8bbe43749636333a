"""Makes the collections that the collector's policy asks for, and measures every one."""
