"""Kernel ridge regression from features onto places."""
