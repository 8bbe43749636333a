"""The semantic cache: an answer given to one question told to another one that asks the same, as far as that is proven."""
