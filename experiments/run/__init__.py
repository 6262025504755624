"""What every binary does around its own work."""
