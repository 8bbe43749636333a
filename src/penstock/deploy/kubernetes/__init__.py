"""Penstock in a Kubernetes cluster: manifests, and a chart that says the same."""
