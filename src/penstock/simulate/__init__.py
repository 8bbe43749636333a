"""The same decisions in virtual time: traces, a model of the engines, policies side by side."""
