"""Verbs of the command line that build, inspect and release."""
