"""Synthetic Earth at feature level: what a backbone would see, no pixels."""
