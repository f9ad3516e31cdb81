"""What executes a stage's statements: DuckDB with delta-rs on one machine."""
