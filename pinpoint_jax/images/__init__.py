"""Bytes to pixels, shared by training data and by prediction."""
