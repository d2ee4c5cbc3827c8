"""Decisions, and nothing else: no Twisted, no clock, no log. Time is an argument."""
