"""Less for each call where there are too many: shorter answers, smaller models, older answers."""
