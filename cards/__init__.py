"""Typed facts become the README.md of a dataset or a model."""
