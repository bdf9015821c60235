"""Put the figures of JSON reports into README.md: `python -m benchmarks.report FILE...`.

The files are those that the benchmarks wrote with `--json`. The block between the two markers is replaced.
"""

import argparse
import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

README = Path(__file__).with_name("README.md")
BEGIN = "<!-- figures: begin (written by `python -m benchmarks.report`) -->"
END = "<!-- figures: end -->"


def markdown_of(report: Mapping[str, Any]) -> str:
    """One report as a Markdown table: a measure a line, a program a column, then the ratios."""
    medians: Mapping[str, Mapping[str, float]] = report["median"]
    repetitions = max(map(len, report["runs"].values()))
    options = ", ".join(f"{name} {value}" for name, value in report["options"].items())
    load = report["machine"]["load_average"][0]
    lines = [
        f"### {report['benchmark']}: {report['rows']:,} rows" + (f" ({options})" if options else ""),
        "",
        f"Median of {repetitions}; {report['machine']['cores']} cores, load {load} at the end.",
        "",
        "| | " + " | ".join(medians) + " |",
        "| --- " + "| ---: " * len(medians) + "|",
    ]
    for name in dict.fromkeys(name for measures in medians.values() for name in measures):
        cells = (_cell(measures.get(name)) for measures in medians.values())
        lines.append(f"| {name} | " + " | ".join(cells) + " |")
    lines += [
        f"| {name} | {ratio:.2f} |" + " |" * (len(medians) - 1) for name, ratio in report["ratios"].items()
    ]
    return "\n".join([*lines, *_slopes(report)])


def _cell(value: float | None) -> str:
    return "" if value is None else f"{value:,.3f}".rstrip("0").rstrip(".")


def _slopes(report: Mapping[str, Any]) -> list[str]:
    if "slopes" not in report:
        return []
    sizes = report["sizes"]
    head = [f"{size['rows']:,} rows" for size in sizes]
    lines = ["", "| ours | " + " | ".join(head) + " | slope |", "| --- " + "| ---: " * (len(sizes) + 1) + "|"]
    for name, slope in report["slopes"].items():
        cells = [_cell(size["ours"][name]) for size in sizes]
        lines.append(f"| {name} | " + " | ".join([*cells, _cell(slope)]) + " |")
    return lines


def replace_figures(page: str, reports: Sequence[Mapping[str, Any]]) -> str:
    """The page with these figures between the markers. Raises ValueError if a marker is missing."""
    before, found, rest = page.partition(BEGIN)
    _, ended, after = rest.partition(END)
    if not (found and ended):
        raise ValueError("the page does not have both markers of the figures")
    return "\n\n".join([before + BEGIN, *map(markdown_of, reports), END + after])


def main() -> None:
    """Read the reports and write the page."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("files", type=Path, nargs="+")
    files: list[Path] = parser.parse_args().files
    reports = [json.loads(file.read_text(encoding="utf-8")) for file in files]
    README.write_text(replace_figures(README.read_text(encoding="utf-8"), reports), encoding="utf-8")


if __name__ == "__main__":
    main()
