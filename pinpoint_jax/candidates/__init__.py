"""Three searches to one shortlist."""
