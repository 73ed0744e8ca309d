"""Audits: a blind sample of pairs for readers, and the precision that their answers show."""
