"""Counts and measures of a corpus."""
