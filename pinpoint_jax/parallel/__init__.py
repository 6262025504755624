"""The device mesh, sharding rules, and batches that span processes."""
