"""Podium's cleanse stage: Bronze into Silver and quarantine."""
