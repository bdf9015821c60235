"""The report of the station: one page with the gate, the partitions, the cost and the last runs."""

import re
from base64 import b64decode
from dataclasses import replace
from xml.etree import ElementTree

import dagster as dg

from identity_assets.assets.station_pictures import (
    DUE,
    FAILED,
    FRESH,
    STALE,
    Cell,
    gate_line,
    partition_strip,
)
from identity_assets.assets.station_runs import StationRun, failed_partitions
from identity_assets.definitions import build_defs
from identity_assets.partitions import library_partitions
from identity_assets.progress import LogProgress
from identity_assets.resources import make_resources
from identity_assets.settings import Scope, Settings
from identity_assets.terminal.run_pass import run_pass
from identity_assets_tests.support import Shelf

EVERY_KEY = library_partitions.get_partition_keys()
SVG = "{http://www.w3.org/2000/svg}"


def materialise(settings: Settings, instance: dg.DagsterInstance) -> dict[str, dg.MetadataValue]:
    """The metadata of the report, as the daily job makes it."""
    job = build_defs(resources=make_resources(settings)).resolve_job_def("gate_report")
    ended = job.execute_in_process(
        instance=instance, run_config={"loggers": {"console": {"config": {"log_level": "CRITICAL"}}}}
    )
    assert ended.success
    [made] = ended.asset_materializations_for_node("station_report")
    assert isinstance(made, dg.AssetMaterialization)
    return dict(made.metadata)


def colours(svg: str) -> list[str]:
    """The colours of the boxes of a strip, without its legend."""
    boxes = ElementTree.fromstring(svg).findall(f"{SVG}rect")
    return [box.attrib["fill"] for box in boxes if box.attrib["height"] == "34"]


def test_the_daily_job_makes_a_page_of_the_gate_the_partitions_the_cost_and_the_runs(
    shelf: Shelf, station_settings: Settings, instance: dg.DagsterInstance
) -> None:
    settings = replace(station_settings, scope=Scope.full)
    ids = shelf.put_many([f"Known {n}" if n % 2 else f"Stranger {n}" for n in range(64)])
    quiet = LogProgress(say=lambda _line: None)
    report = run_pass(settings, instance, EVERY_KEY, quiet)
    shelf.run(
        "UPDATE library_identity SET last_verified_at = now() - interval '9 days' WHERE library_id % 16 = 4"
    )
    shelf.put_many([f"New {n}" for n in range(2)])
    metadata = materialise(settings, instance)

    page = metadata["report"].value
    assert isinstance(page, str)
    assert "### The gate: PASS" in page
    assert f"LML was asked about {len(ids)} library rows. Runs: 1; calls: {report.lml_total_calls};" in page
    assert (
        f"[{report.run_ids[0][:8]}](/runs/{report.run_ids[0]}) | refresh_library_identity | success | 00 to 15"
        in page
    )
    pictures = re.findall(r"!\[[^\]]+\]\(data:image/svg\+xml;base64,([^)]+)\)", page)
    gate, strip = (b64decode(picture).decode() for picture in pictures)
    assert ElementTree.fromstring(gate).tag == f"{SVG}svg"
    assert colours(strip)[4] == STALE
    assert sum(colour == DUE for colour in colours(strip)) == 2
    assert metadata["due_rows"].value == int(str(metadata["stale_rows"].value)) + 2


def test_an_empty_station_has_a_page_too(shelf: Shelf, instance: dg.DagsterInstance) -> None:
    page = materialise(shelf.settings, instance)["report"].value
    assert isinstance(page, str)
    assert "LML was not asked about anything." in page
    assert "No library row becomes due within a week." in page


def test_a_box_has_the_colour_of_the_worst_that_is_true_of_its_partition() -> None:
    cells = [
        Cell("00", due=0, stale=0, failed=False),
        Cell("01", due=5, stale=0, failed=False),
        Cell("02", due=5, stale=1, failed=False),
        Cell("03", due=5, stale=1, failed=True),
    ]
    assert colours(partition_strip(cells)) == [FRESH, DUE, STALE, FAILED]


def test_the_line_of_the_gate_has_a_point_for_each_evaluation_and_the_threshold() -> None:
    drawn = ElementTree.fromstring(gate_line([3000, 1200, 400], 1000, "24 Nov 08:00 UTC"))
    heights = [float(dot.attrib["cy"]) for dot in drawn.findall(f"{SVG}circle")]
    assert heights == sorted(heights)
    [threshold] = [line for line in drawn.findall(f"{SVG}line") if "stroke-dasharray" in line.attrib]
    assert heights[1] < float(threshold.attrib["y1"]) < heights[2]
    assert {"1,000", "400", "now", "24 Nov 08:00 UTC"} <= {text.text for text in drawn.findall(f"{SVG}text")}


def test_the_label_of_the_threshold_is_not_drawn_over_the_label_of_the_axis() -> None:
    def labels(most: int) -> set[str | None]:
        drawn = ElementTree.fromstring(gate_line([most, 2400], 1000, "24 Nov 08:00 UTC"))
        return {text.text for text in drawn.findall(f"{SVG}text")}

    assert {"0", "1,000"} <= labels(3000)
    assert "1,000" in labels(34000)
    assert "0" not in labels(34000)


def test_a_partition_has_failed_if_its_last_run_failed() -> None:
    def ended(status: str, *keys: str) -> StationRun:
        return StationRun("run", "job", status, keys, None, None, "somebody")

    newest_first = [ended("SUCCESS", "01"), ended("FAILURE", "01", "02"), ended("SUCCESS", "02", "03")]
    assert failed_partitions(newest_first) == {"02"}
