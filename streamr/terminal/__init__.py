"""What the commands share: options, looks, a client."""
