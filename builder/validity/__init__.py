"""Validity: the probability that a reader calls a pair valid, learnt from labels."""
