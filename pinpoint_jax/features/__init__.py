"""Image features and where they are kept."""
