"""Upstreams that stand for a changing set of instances, found in DNS, in a file, or in Kubernetes."""
