"""The chain of a benchmark: its stages, their inputs, state and costs."""
