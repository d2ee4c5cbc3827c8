"""Machines on a network: which addresses are this one's or private, by which key a
peer is known, and which sockets a supervisor has passed on."""
