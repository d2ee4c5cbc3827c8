"""Test bodies that several siblings must pass."""
