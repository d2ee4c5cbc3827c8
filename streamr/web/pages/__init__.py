"""Pages of our own: health, metrics, docs."""
