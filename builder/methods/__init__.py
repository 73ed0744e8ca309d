"""Candidate methods: one file each says how next sentences of a context are drawn."""
