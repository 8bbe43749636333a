"""Equal calls in flight become one upstream call with many readers."""
