"""How others size pools, by their documents and sources, each behind the same protocol as ours."""
