"""Published weights to our modules."""
