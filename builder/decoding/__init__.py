"""Decoding on a model's own forward pass and cache: nucleus sampling, NeuroLogic."""
