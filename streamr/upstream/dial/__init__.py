"""Connections: names, TCP, tap, TLS profile."""
