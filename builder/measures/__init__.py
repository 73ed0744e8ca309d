"""Measures of an ordered pair of sentences, one a file, and the registry that knows them all."""
