"""The vocabulary of the data and the root of the command line; nothing of how the data is made."""

__version__ = "0.1.0"
