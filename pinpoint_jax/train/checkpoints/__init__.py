"""Checkpoints that survive a kill and refuse damaged bytes."""
