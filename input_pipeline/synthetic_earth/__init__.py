"""The embedded default data: a seeded world on real geography."""
