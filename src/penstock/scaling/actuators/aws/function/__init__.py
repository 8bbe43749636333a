"""Provisioned concurrency of a Lambda function."""
