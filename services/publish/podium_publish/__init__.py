"""Podium's publish stage: certified Gold into its destinations."""
