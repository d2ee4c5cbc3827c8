"""What is tried on the network, and what came of it."""
