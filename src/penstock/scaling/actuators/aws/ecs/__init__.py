"""Tasks of an ECS service."""
