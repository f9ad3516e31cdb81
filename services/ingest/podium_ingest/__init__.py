"""Podium's ingest stage: sources into Bronze."""
