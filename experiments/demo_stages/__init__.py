"""The stages of the demo."""
