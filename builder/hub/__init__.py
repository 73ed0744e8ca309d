"""Releases on the Hub: publish a folder so that nobody sees half of it, verify it byte for byte."""
