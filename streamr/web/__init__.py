"""The two servers: a resource parses, calls the gateway once, and writes once."""
