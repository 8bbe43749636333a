"""The measuring side: one question a file, each run as ``python -m bench.<file>``; see README.md."""
