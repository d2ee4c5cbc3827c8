"""Names to addresses: system, DNS, pins, memory."""
