"""Scores of a shortlist, and what they are computed from."""
