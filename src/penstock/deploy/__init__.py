"""Artefacts for what runs Penstock, made from the one config."""
