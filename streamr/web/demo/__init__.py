"""The demo's own pages and faults."""
