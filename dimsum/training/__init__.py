"""Training a student: recipe, examples, transformers' Trainer, plan."""
