"""From queries to one place each."""
