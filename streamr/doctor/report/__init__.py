"""How a diagnosis is told, bundled, and replayed."""
