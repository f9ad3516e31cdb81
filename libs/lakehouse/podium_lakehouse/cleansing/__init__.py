"""Cleansing: from the pipeline file's dataset to one statement per engine."""
