"""What `pinpoint report` and `evaluate` make their page of."""
