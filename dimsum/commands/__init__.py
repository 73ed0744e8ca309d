"""Verbs of the command line that need only the data and the student."""
