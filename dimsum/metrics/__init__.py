"""Measures of a pair of texts."""
