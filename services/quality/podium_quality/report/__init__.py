"""The quality report: one self-contained HTML page about what a pipeline did with its rows."""

from podium_quality.report.page import is_there, render, write

__all__ = ["is_there", "render", "write"]
