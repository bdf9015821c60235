"""The pictures of the station's report, as SVG in a data URI, which the UI shows inside Markdown.

The background is transparent and the colours can be read on white and on black, because a picture cannot know the
theme of the UI.
"""

from base64 import b64encode
from collections.abc import Sequence
from dataclasses import dataclass

WIDTH = 760
TEXT = "#7d8590"
FRESH, DUE, STALE, FAILED = "#2da44e", "#3b82f6", "#d29922", "#e5534b"
FONT = 'font-family="system-ui, sans-serif" font-size="12"'
LABEL_HEIGHT = 14


@dataclass(frozen=True)
class Cell:
    """One partition in the strip: its key, its due and stale rows, and whether its last run failed."""

    key: str
    due: int
    stale: int
    failed: bool

    @property
    def colour(self) -> str:
        """The colour of the worst state that the partition is in."""
        if self.failed:
            return FAILED
        return STALE if self.stale else DUE if self.due else FRESH


def as_markdown(label: str, svg: str) -> str:
    """The picture in Markdown."""
    return f"![{label}](data:image/svg+xml;base64,{b64encode(svg.encode()).decode()})"


def partition_strip(cells: Sequence[Cell]) -> str:
    """A row of boxes, one for each partition, with its key and its number of due rows, and a legend."""
    step = WIDTH / len(cells)
    boxes = "".join(_box(cell, number * step, step - 4) for number, cell in enumerate(cells))
    meanings = (
        (FRESH, "nothing due"),
        (DUE, "due, never asked"),
        (STALE, "stale: due again"),
        (FAILED, "last run failed"),
    )
    legend = "".join(
        f'<rect x="{number * 190}" y="74" width="12" height="12" rx="2" fill="{colour}"/>'
        f'<text x="{number * 190 + 18}" y="84" fill="{TEXT}">{meaning}</text>'
        for number, (colour, meaning) in enumerate(meanings)
    )
    return _svg(92, boxes + legend)


def _box(cell: Cell, x: float, width: float) -> str:
    middle = x + width / 2
    return (
        f'<rect x="{x:.1f}" y="0" width="{width:.1f}" height="34" rx="4" fill="{cell.colour}"/>'
        f'<text x="{middle:.1f}" y="22" text-anchor="middle" fill="#fff" font-weight="600">{cell.key}</text>'
        f'<text x="{middle:.1f}" y="52" text-anchor="middle" fill="{TEXT}">{cell.due:,}</text>'
    )


def gate_line(figures: Sequence[int], threshold: int, first_moment: str) -> str:
    """The gate's figure at each evaluation since `first_moment`, and now, with a dashed line at the threshold."""
    top, bottom, left, right = 16, 136, 56, WIDTH - 64
    most = max((*figures, threshold)) * 1.08

    def height(figure: float) -> float:
        return bottom - (bottom - top) * figure / most

    step = (right - left) / max(len(figures) - 1, 1)
    places = [(left + number * step, height(figure)) for number, figure in enumerate(figures)]
    colour = FRESH if figures[-1] < threshold else FAILED
    points = " ".join(f"{x:.1f},{y:.1f}" for x, y in places)
    dots = "".join(f'<circle cx="{x:.1f}" cy="{y:.1f}" r="3" fill="{colour}"/>' for x, y in places)
    limit, (last_x, last_y) = height(threshold), places[-1]
    # The label of the axis is left out where the label of the threshold would cover it.
    zero = f'<text x="{left - 8}" y="{bottom + 4}" text-anchor="end" fill="{TEXT}">0</text>'
    axis = zero if bottom - limit >= LABEL_HEIGHT else ""
    return _svg(
        156,
        f'<line x1="{left}" y1="{bottom}" x2="{right}" y2="{bottom}" stroke="{TEXT}" stroke-opacity="0.4"/>'
        f'<line x1="{left}" y1="{limit:.1f}" x2="{right}" y2="{limit:.1f}" stroke="{STALE}" stroke-dasharray="6 4"/>'
        f'<text x="{left - 8}" y="{limit + 4:.1f}" text-anchor="end" fill="{STALE}">{threshold:,}</text>'
        f'{axis}<text x="{left}" y="{bottom + 17}" fill="{TEXT}">{first_moment}</text>'
        f'<text x="{right}" y="{bottom + 17}" text-anchor="end" fill="{TEXT}">now</text>'
        f'<polyline points="{points}" fill="none" stroke="{colour}" stroke-width="2"/>{dots}'
        f'<text x="{last_x + 8:.1f}" y="{last_y + 4:.1f}" fill="{colour}" font-weight="600">{figures[-1]:,}</text>',
    )


def _svg(height: int, content: str) -> str:
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{WIDTH}" height="{height}" '
        f'viewBox="0 0 {WIDTH} {height}" {FONT}>{content}</svg>'
    )
