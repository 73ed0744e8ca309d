"""Experiments on a teacher and a critic, apart from any corpus."""
