"""Delta tables through delta-rs: opening, creating, committing exactly once."""
