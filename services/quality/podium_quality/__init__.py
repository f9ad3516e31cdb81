"""Podium's quality stage: the verdict on a layer."""
