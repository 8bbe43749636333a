"""Batch jobs: files of calls, kept on disk, answered in the room that other callers leave, and never lost."""
