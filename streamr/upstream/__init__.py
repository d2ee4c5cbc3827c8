"""The way out: TLS profiles, connections, bodies, and the one fault classifier."""
