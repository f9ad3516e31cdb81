"""What crosses a boundary in Podium: the pipeline file, events, ledgers and names. No I/O."""
