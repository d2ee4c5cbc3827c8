"""Caches in front of main (RFC 9111 calls them downstream): what they are told."""
