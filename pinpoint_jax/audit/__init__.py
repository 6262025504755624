"""What queries and rows share that no test should: copies, authors, places."""
