"""What load will come: experts mixed by how right they were, quantiles that keep their word. With numpy."""
