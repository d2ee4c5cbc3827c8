"""One host name, from TCP to HTTP: what serves it, its switches and counts."""
