"""Settings: the table, and how its values are read."""
