"""Readers of data sets as their owners publish them."""
