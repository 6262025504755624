"""What `pinpoint index` does, stage by stage."""
