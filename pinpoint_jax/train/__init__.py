"""Training: one loop, and what each model brings to it."""
