"""The stages of a cross-validation."""
