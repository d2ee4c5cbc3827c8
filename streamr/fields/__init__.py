"""HTTP fields that both ends of a hop speak."""
