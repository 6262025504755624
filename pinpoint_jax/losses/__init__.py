"""Training losses, each in a plain and a sharded, chunked form."""
