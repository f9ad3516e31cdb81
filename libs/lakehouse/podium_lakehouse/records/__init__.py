"""Podium's own records, all of them Delta tables under `_podium/`: intents, completions, runs, catalogue, metrics."""
