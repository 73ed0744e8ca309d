"""Syntax of sentences: trees, the parsers that make them, and what a student is asked for by one.

Source: arXiv 2305.16635 v4, section 3.4, which controls a paraphrase by the target's tree.
"""
