"""Schemas of sources: their types, how they are detected, and what a new one changes."""
