"""The event contract: checks on its schema, and what is generated from it."""
