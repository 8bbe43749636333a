"""The embedded engine: llama.cpp's server in child processes, with a small model that comes as a package."""
