"""The composition root: it alone puts the daemon together."""
