"""Podium turns raw data into certified Bronze, Silver and Gold Delta tables."""
