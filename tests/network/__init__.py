"""Blocked networks in namespaces of this machine: nothing in them leaves it."""
