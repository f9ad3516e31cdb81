"""How people and programs read tables: which version they get, what a statement may name, and the record of what was read."""
