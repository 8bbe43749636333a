"""The optimizer: proposals, tried one at a time as experiments with a guard, kept or taken back."""
