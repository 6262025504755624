"""Nearest rows of one channel, exact or approximate."""
