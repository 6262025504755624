"""Side-by-side speed measurements; ratios count, seconds are noisy."""
