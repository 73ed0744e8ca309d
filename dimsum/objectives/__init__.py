"""Objectives of a training: cross-entropy, and divergences between a student and its teacher."""
