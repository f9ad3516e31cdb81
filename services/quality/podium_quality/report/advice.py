"""What to do about the quality of a period, and what that would bring."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

LEAST_SCORE = 80.0
MOST_POOR = 5.0
MOST_SECONDS = 300.0
LEAST_LAYER_SCORE = 85.0


@dataclass(frozen=True)
class Recommendation:
    """`priority` is HIGH, MEDIUM or LOW; `estimated_impact` the same words, as High, Medium or Low."""

    priority: str
    category: str
    issue: str
    recommendation: str
    estimated_impact: str


def recommendations(
    score: float | None, poor: float | None, seconds: float | None, layers: Mapping[str, float | None]
) -> Iterator[Recommendation]:
    """Yield what is to be done about a mean score, a share of POOR rows in percent, a mean duration, and the mean score of each layer.

    What was not measured is no reason to do anything.
    """
    if score is not None and score < LEAST_SCORE:
        yield Recommendation(
            "HIGH",
            "Overall Quality",
            f"The average quality score ({score:g}%) is below the acceptable {LEAST_SCORE:g}%",
            "Make rules stricter, and cleanse more of what the sources get wrong: the deductions that cost most points come first",
            "High",
        )
    if poor is not None and poor > MOST_POOR:
        yield Recommendation(
            "MEDIUM",
            "Data Cleansing",
            f"{poor:g}% of the rows are POOR, more than {MOST_POOR:g}%",
            "Look at which deductions make rows POOR; correct them by rules, or refuse such rows into quarantine",
            "Medium",
        )
    if seconds is not None and seconds > MOST_SECONDS:
        yield Recommendation(
            "LOW",
            "Performance",
            f"A run takes {seconds:g}s on average, more than {MOST_SECONDS:g}s",
            "Find the slowest stage in the run's summary; then tune its queries, partition its tables to suit, or give it more resources",
            "Low",
        )
    for layer, mean in layers.items():
        if mean is not None and mean < LEAST_LAYER_SCORE:
            name = layer.title()
            yield Recommendation(
                "MEDIUM",
                f"{name} Layer",
                f"The quality score of {name} ({mean:g}%) is below {LEAST_LAYER_SCORE:g}%",
                f"Attend to what makes {name}: its sources, rules and transformations",
                "Medium",
            )
