"""The semantic cache: an answer to one question told to another that asks the same, as far as that is proven."""
