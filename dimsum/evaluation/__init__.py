"""Evaluation of students: data, baselines, metrics with intervals and tests."""
