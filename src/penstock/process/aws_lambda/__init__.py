"""The gateway inside AWS Lambda: events in, answers out, streams as streams."""
