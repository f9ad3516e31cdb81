"""Expressions of the pipeline file: a closed list of functions with one meaning each, lowered per engine."""
