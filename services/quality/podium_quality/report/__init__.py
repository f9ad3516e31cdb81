"""The quality report: one self-contained HTML page about what a pipeline did with its rows."""

from podium_quality.report.page import render, write

__all__ = ["render", "write"]
