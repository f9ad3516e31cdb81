"""Latencies over the time of production as an SVG: a panel for each trigger, a line for each layer, the goals dashed."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from html import escape

WIDTH, PANEL, GAP = 900, 260, 46
LEFT, RIGHT, TOP, BOTTOM = 56, 16, 34, 34
COLOURS = {"silver": "#5b7c99", "gold": "#b8860b"}
TICKS = 5


@dataclass(frozen=True)
class Panel:
    """Of each layer the longest latency of every second, and the goal; in seconds."""

    title: str
    course: Mapping[str, Sequence[float]]
    goals: Mapping[str, float]


def drawing(panels: Sequence[Panel]) -> str:
    """Return the picture."""
    height = len(panels) * (PANEL + GAP)
    drawn = "".join(_panel(panel, index * (PANEL + GAP)) for index, panel in enumerate(panels))
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {height}" font-family="sans-serif" font-size="12">'
        f'<rect width="{WIDTH}" height="{height}" fill="#fff"/>{drawn}</svg>\n'
    )


def _panel(panel: Panel, y: float) -> str:
    longest = max(max(seconds) for seconds in panel.course.values())
    most = _rounded(max([longest, *panel.goals.values()]))
    seconds = max(len(each) for each in panel.course.values())
    left, right, bottom, top = LEFT, WIDTH - RIGHT, y + PANEL - BOTTOM + TOP, y + TOP

    def across(second: float) -> float:
        return left + second * (right - left) / max(seconds - 1, 1)

    def up(latency: float) -> float:
        return bottom - latency * (bottom - top) / most

    parts = [f'<text x="{left}" y="{y + 20}" font-weight="bold">{escape(panel.title)}</text>']
    for tick in range(TICKS + 1):
        level = most * tick / TICKS
        parts.append(f'<path d="M{left} {up(level):.1f}H{right}" stroke="#e5e5e5"/>')
        parts.append(f'<text x="{left - 6}" y="{up(level) + 4:.1f}" text-anchor="end">{level:g} s</text>')
    for minute in range(seconds // 60 + 1):
        place = across(minute * 60)
        parts.append(f'<text x="{place:.1f}" y="{bottom + 16:.1f}" text-anchor="middle">{minute} min</text>')
    for layer, course in panel.course.items():
        points = "L".join(f"{across(second):.1f} {up(latency):.1f}" for second, latency in enumerate(course))
        parts.append(f'<path d="M{points}" fill="none" stroke="{COLOURS[layer]}" stroke-width="1.4"/>')
    for layer, goal in panel.goals.items():
        parts.append(
            f'<path d="M{left} {up(goal):.1f}H{right}" stroke="{COLOURS[layer]}" stroke-dasharray="6 4"/>'
        )
    for index, layer in enumerate(panel.course):
        place = right - 210 * (len(panel.course) - index)
        parts.append(f'<path d="M{place} {y + 16}h22" stroke="{COLOURS[layer]}" stroke-width="3"/>')
        goal = f", goal for p99 {panel.goals[layer]:g} s" if layer in panel.goals else ""
        parts.append(f'<text x="{place + 28}" y="{y + 20}">{layer}{goal}</text>')
    return "".join(parts)


def _rounded(most: float) -> float:
    """Return the end of an axis: a multiple of five seconds."""
    return 5.0 * (most // 5 + 1)
