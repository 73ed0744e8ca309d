"""A corpus as one page that a person can read: `dimsum report`."""
