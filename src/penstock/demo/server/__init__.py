"""A small server that speaks OpenAI's API as model servers do."""
