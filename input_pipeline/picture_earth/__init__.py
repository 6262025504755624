"""Synthetic Earth in pixels: the cues of feature_earth, drawn to be read."""
