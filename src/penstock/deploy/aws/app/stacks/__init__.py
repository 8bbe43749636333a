"""The stacks: what both variants stand on (base), the Lambda function, and the Fargate service."""
