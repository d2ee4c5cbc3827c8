"""The conductor: one query in, one Exchange out."""
