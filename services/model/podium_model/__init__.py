"""Podium's model stage: Silver into Gold with dbt."""
