"""Near-duplicates: one engine for the stage that removes them, statistics and the report.

A row is the set of its word shingles (`shingles`). Sets meet under keys (`meetings`), those that
meet are compared as they are (`verify`), and what becomes of a pair that is found is the caller's:
the stage connects it (`buckets`), statistics chain it across splits (`join`), the report keeps each
row's nearest (`nearest`).

Their keys stay three kinds: the stage takes bands of MinHash signatures (`minhash`), because each
of its units sees one bucket of keys and no count over the corpus; statistics, which count every
shingle over the corpus first, take a row's rarest ones and so miss nothing; the report, whose
sample is small and whose nearest row may be far, takes them all.
"""
