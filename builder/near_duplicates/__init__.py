"""Near-duplicates: one engine for the stage that removes them, statistics and the report."""
