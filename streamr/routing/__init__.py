"""Which route next: failover, hedging, health."""
