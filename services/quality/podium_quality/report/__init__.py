"""The quality report: what a pipeline did with its rows, as one self-contained HTML page, and the quality of a period as data."""

from podium_quality.report.page import render, write
from podium_quality.report.period import Choice
from podium_quality.report.quality import QualityReport, quality_report

__all__ = ["Choice", "QualityReport", "quality_report", "render", "write"]
