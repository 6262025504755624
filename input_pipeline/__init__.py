"""Data sets to batches: numpy and grain, no model."""
