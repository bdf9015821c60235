"""What the users do of a morning, in the real Dagster UI: look, materialise, backfill, read the gate.

Each test stands on its own, in a library where the others may have been before it.
"""

import re

import pytest
from playwright.sync_api import Locator, Page, expect
from sqlalchemy import text

from identity_assets.backend.ledger.accounts import count_rows
from identity_assets.backend.reports.gate import read_gate
from identity_assets.partition_keys import Buckets
from identity_assets_tests.browser.conftest import SCREENSHOTS, DagsterUi

pytestmark = pytest.mark.long

JOB = "refresh_library_identity"
TABLES = ("library_identity_source", "library_identity", "library_unresolved", "compilation_track_identity")
EVIDENCE = ("canonical_entity_evidence", "flowsheet_match_evidence")
PARTITIONED = ("candidate_libraries", "lml_verdicts", *EVIDENCE, *TABLES)
ASSETS = ("library", "flowsheet_match", "station_report", *PARTITIONED)
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
    return int(label.locator("xpath=following-sibling::td[1]").inner_text().replace(",", ""))


def test_the_asset_graph_shows_every_asset_by_its_name(page: Page) -> None:
    nodes = open_lineage(page, height=1300)
    assert nodes.get_by_text("Partitions", exact=True).count() >= len(PARTITIONED)
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
    nodes = open_lineage(page, height=1300)
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


def test_the_fourth_table_shows_its_columns_its_rows_by_partition_and_its_check(
    page: Page, dagster_ui: DagsterUi
) -> None:
    choose_partitions(page, dagster_ui, "11")
    page.get_by_role("button", name="Launch 1 run").click()
    view_launched(page, "Launched run")
    expect_success_of_run(page)
    nodes = open_lineage(page, height=1300)
    expect(nodes.filter(has_text="compilation_track_identity")).to_contain_text(
        re.compile(r"[1-9]\d*% filled")
    )
    asset = "/assets/compilation_track_identity"

    page.goto(asset)
    for column in ("library_id", "artist_name", "track_title", "track_artist_id", "track_artist_link_method"):
        expect(page.get_by_text(column, exact=True).first).to_be_visible()
    shoot(page, "9-tracks-columns")

    page.goto(f"{asset}?view=partitions&partition=11")
    with dagster_ui.database() as database:
        rows = count_rows(database, Buckets(16, (11,)))["compilation_track_identity", 11]
    assert rows > 0
    assert figure(page, "dagster/partition_row_count") == rows
    shoot(page, "9-tracks-rows")

    page.goto(f"{asset}?view=checks&checkDetail=track_links_hold")
    expect(page.get_by_text("Passed").first).to_be_visible()
    shoot(page, "9-tracks-check")


def test_the_report_of_the_station_shows_its_pictures(page: Page) -> None:
    resize(page, height=1400)
    page.goto("/assets/station_report")
    page.get_by_text("[Show Markdown]").first.click()
    report = page.get_by_role("dialog")
    for heading in ("The partitions", "The last 24 hours", "Due next", "The last runs"):
        expect(report.get_by_role("heading", name=heading)).to_be_visible()
    pictures = report.locator("img")
    expect(pictures).to_have_count(2)
    for number in range(2):
        # A picture that is blocked or broken has no width of its own.
        assert (
            pictures.nth(number).evaluate("picture => picture.decode().then(() => picture.naturalWidth)") > 0
        )
    shoot(page, "report")


def test_a_run_of_the_command_line_is_on_the_page_of_its_job(page: Page, dagster_ui: DagsterUi) -> None:
    # `ui` has materialised the report before it served the page.
    page.goto(f"/locations/__repository__@{dagster_ui.location}/jobs/gate_report/runs")
    expect(page.get_by_text(re.compile("launched_by: .*, command line"))).to_have_count(1)
    page.goto("/overview/activity/timeline")
    expect(page.get_by_role("link", name="gate_report")).to_be_visible()
    shoot(page, "6-timeline")


def test_a_check_says_why_and_what_to_do_without_a_click(page: Page) -> None:
    page.goto("/assets/library_identity?view=checks&checkDetail=stale_rows")
    expect(page.get_by_text("What to do.", exact=True)).to_be_visible()
    expect(page.get_by_text("Why it is checked.", exact=True)).to_be_visible()
    expect(page.get_by_text("[Show Markdown]")).to_have_count(0)


def test_the_resources_name_their_variables_and_hide_their_values(page: Page, dagster_ui: DagsterUi) -> None:
    page.goto(f"/locations/{dagster_ui.location}/resources/backend")
    expect(page.get_by_text("DATABASE_URL", exact=True)).to_be_in_viewport(ratio=1)
    assert str(dagster_ui.settings.require_database_url().database) not in page.locator("table").inner_text()
    shoot(page, "7-resource")


def test_the_launchpad_of_the_job_is_filled_in(page: Page, dagster_ui: DagsterUi) -> None:
    page.goto(f"/locations/__repository__@{dagster_ui.location}/jobs/{JOB}")
    page.locator("button:has-text('Materialize all')").first.locator("xpath=following::button[1]").click()
    page.get_by_text("Open launchpad").click()
    editor = page.get_by_role("dialog").locator(".CodeMirror").filter(has_text="ops:")
    for name in ("max_inputs", "scope", "legs"):
        expect(editor).to_contain_text(name)
    expect(page.get_by_role("dialog").get_by_text("No errors")).to_be_visible()
    shoot(page, "8-launchpad")
