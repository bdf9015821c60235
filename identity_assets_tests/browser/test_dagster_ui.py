"""What the users do of a morning, in the real Dagster UI: look, materialise, backfill, read the gate.

Each test stands on its own, in a library where the others may have been before it.
"""

import re

import pytest
from playwright.sync_api import Locator, Page, expect
from sqlalchemy import text

from identity_assets.backend.reports.gate import read_gate
from identity_assets_tests.browser.conftest import SCREENSHOTS, DagsterUi

pytestmark = pytest.mark.browser

JOB = "refresh_library_identity"
TABLES = ("library_identity_source", "library_identity", "library_unresolved", "compilation_track_identity")
ASSETS = ("library", "candidate_libraries", "lml_verdicts", *TABLES)
FIGURES = ("total_library_rows", "unresolved_rows", "fallback_resolved_rows", "truly_unresolved_rows")

RUN_SECONDS = 120
# A backfill waits for two rounds of Dagster's daemon, which makes one every 30 seconds.
BACKFILL_SECONDS = 180

RUNS = """
query($key: String!, $value: String!) { runsOrError(filter: {tags: [{key: $key, value: $value}]}) {
    ... on Runs { results { runId status tags { key value } } }
} }
"""


def shoot(page: Page, name: str) -> None:
    """Leave a screenshot of the window as it stands."""
    page.screenshot(path=SCREENSHOTS / f"{name}.png")


def shoot_down_to(page: Page, last: Locator, name: str) -> None:
    """Leave a screenshot of a window that is as high as to show all of `last`."""
    box = last.bounding_box()
    assert box is not None
    resize(page, height=round(box["y"] + box["height"]) + 24)
    shoot(page, name)


def resize(page: Page, *, width: int | None = None, height: int | None = None) -> None:
    now = page.viewport_size
    assert now is not None
    page.set_viewport_size({"width": width or now["width"], "height": height or now["height"]})


def open_lineage(page: Page, height: int) -> Locator:
    """The graph of all assets, with all the room that a window of this height has; the nodes in it."""
    resize(page, height=height)
    page.goto("/asset-groups")
    page.get_by_role("button", name="Hide navigation").click()
    # The panel beside the graph, which lists the groups.
    page.get_by_role("button", name="panel_show_right", exact=True).click()
    page.locator("#zoom-slider-container").get_by_role("button", name="settings").click()
    page.get_by_role("menuitem", name="Expand all groups").click()
    nodes = page.locator("foreignObject")
    expect(nodes.filter(has_text=re.compile("^library_identity"))).to_have_count(2)
    # A double click beside the graph fits it to the window.
    page.mouse.dblclick(100, height - 20)
    expect(page.get_by_role("menuitem")).to_have_count(0)
    for name in ASSETS:
        expect(nodes.get_by_text(name, exact=True)).to_be_in_viewport()
        # Not to scroll, but to wait until it moves no more.
        nodes.get_by_text(name, exact=True).scroll_into_view_if_needed()
    return nodes


def choose_partitions(page: Page, ui: DagsterUi, *keys: str) -> None:
    """Open the job, and choose partitions in its dialog."""
    page.goto(f"/locations/__repository__@{ui.location}/jobs/{JOB}")
    page.get_by_role("button", name="Materialize all").first.click()
    dialog = page.get_by_role("dialog").filter(has_text="Partition selection")
    dialog.get_by_text("Select a partition").click()
    for key in keys:
        page.locator("label").filter(has=page.get_by_text(key, exact=True)).click()
    page.keyboard.press("Escape")
    expect(page.get_by_placeholder("Filter partitions")).to_have_count(0)
    expect(dialog.get_by_text(re.compile(rf"^{len(keys)} partitions?$"))).to_be_visible()


def view_launched(page: Page, said: str) -> str:
    """Follow the message that says what was launched; its id."""
    message = page.get_by_role("listitem").filter(has_text=said)
    message.get_by_role("link", name="View").click()
    page.wait_for_url(re.compile("/runs/"))
    # It stays as long as the pointer is on it.
    page.mouse.move(0, 0)
    expect(message).to_be_hidden()
    return page.url.rsplit("/", 1)[1]


def expect_success_of_run(page: Page) -> None:
    """Wait for the run whose page this is."""
    status = page.get_by_text(re.compile("^(Success|Failure|Canceled)$")).first
    status.wait_for(timeout=RUN_SECONDS * 1000)
    assert status.inner_text() == "Success"


def partitions_with_main_rows(ui: DagsterUi) -> set[int]:
    with ui.database() as database, database.transaction() as connection:
        return set(
            connection.execute(text("SELECT DISTINCT library_id % 16 FROM library_identity")).scalars()
        )


def figure(page: Page, name: str) -> int:
    """A number as the table of a check's metadata shows it."""
    label = page.locator("td", has_text=re.compile(f"^{name}$"))
    return int(label.locator("xpath=following-sibling::td").inner_text())


def test_the_asset_graph_shows_every_asset_by_its_name(page: Page) -> None:
    nodes = open_lineage(page, height=950)
    assert nodes.get_by_text("Partitions", exact=True).count() == len(ASSETS)
    shoot(page, "1-lineage-before")


def test_one_partition_is_materialised_and_its_rows_alone_are_written(
    page: Page, dagster_ui: DagsterUi
) -> None:
    before = partitions_with_main_rows(dagster_ui)
    choose_partitions(page, dagster_ui, "03")
    shoot(page, "2-one-partition")
    page.get_by_role("button", name="Launch 1 run").click()
    run_id = view_launched(page, "Launched run")
    expect_success_of_run(page)
    shoot(page, "3-run")
    assert 3 not in before
    assert partitions_with_main_rows(dagster_ui) == before | {3}
    [run] = dagster_ui.ask(RUNS, key="dagster/partition", value="03")["runsOrError"]["results"]
    assert (run["runId"], run["status"]) == (run_id, "SUCCESS")


def test_a_backfill_of_three_partitions_is_one_run(page: Page, dagster_ui: DagsterUi) -> None:
    before = partitions_with_main_rows(dagster_ui)
    choose_partitions(page, dagster_ui, "05", "06", "07")
    shoot(page, "4-three-partitions")
    page.get_by_role("button", name="Launch backfill").click()
    backfill_id = view_launched(page, "Created backfill")
    status = page.get_by_text("Status", exact=True).locator("xpath=following-sibling::*")
    expect(status).to_have_text(
        re.compile("Succeeded|Failed|Completed|Cancel"), timeout=BACKFILL_SECONDS * 1000
    )
    shoot(page, "5-backfill")
    assert status.inner_text() == "Succeeded"
    assert partitions_with_main_rows(dagster_ui) == before | {5, 6, 7}
    [run] = dagster_ui.ask(RUNS, key="dagster/backfill", value=backfill_id)["runsOrError"]["results"]
    tags = {tag["key"].removeprefix("dagster/asset_partition_range_"): tag["value"] for tag in run["tags"]}
    assert (run["status"], tags["start"], tags["end"]) == ("SUCCESS", "05", "07")
    nodes = open_lineage(page, height=850)
    expect(nodes.filter(has_text="library_unresolved")).to_contain_text(re.compile(r"[1-9]\d*% filled"))
    shoot(page, "lineage")


def test_the_gate_check_shows_the_figures_that_the_database_gives(page: Page, dagster_ui: DagsterUi) -> None:
    checks = "/assets/library_identity?view=checks"
    page.goto(checks)
    page.get_by_text("truly_unresolved_rows", exact=True).first.click()
    page.get_by_text("Execute", exact=True).click()
    view_launched(page, "Launched run")
    expect_success_of_run(page)
    page.get_by_role("button", name="Hide navigation").click()
    resize(page, width=1200)
    page.goto(f"{checks}&checkDetail=truly_unresolved_rows")
    shoot_down_to(page, page.locator("table").filter(has_text="gate_status"), "gate")
    shown = {name: figure(page, name) for name in FIGURES}
    with dagster_ui.database() as database:
        report = read_gate(database, dagster_ui.settings.gate_threshold)
    assert shown == {name: getattr(report, name) for name in FIGURES}
