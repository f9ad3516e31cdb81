"""Maintenance of tables: their files are put in order and together, and those that nobody needs any more are taken away."""
