"""An AWS CDK app from the one config: a Lambda function, a Fargate service, or both."""
