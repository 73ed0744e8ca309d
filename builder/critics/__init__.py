"""Score pairs, train and check the models that do."""
