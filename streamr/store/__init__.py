"""Where answers are kept: memory answers at once, the disk only fills it."""
