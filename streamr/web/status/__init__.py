"""The status page: one snapshot, as text, as JSON, as a page, and live."""
