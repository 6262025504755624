"""Search over the gallery."""
