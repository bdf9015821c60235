"""The commands correct and reject, and the CSV by which decisions are carried away and brought back."""

import csv
import json
import re
from pathlib import Path

import pytest

from identity_assets.partition_keys import Buckets
from identity_assets_tests.support import Shelf, nothing, single_artist
from identity_assets_tests.terminal.calling import call_here, one_line
from identity_assets_tests.terminal.stock import all_tables

HEADER = (
    "library_id,artist_name,album_title,state,reason,lml_said,decision,source,wikidata,spotify,apple_music,"
    "discogs_artist,musicbrainz_artist,bandcamp,discogs_release,discogs_master,by,note"
)


def stock(shelf: Shelf) -> list[int]:
    """Three resolved rows, of which the first two have one artist, and one that LML knows nothing about."""
    ids = [
        shelf.put("A", "1"),
        shelf.put("A", "2"),
        shelf.put("B", "3", artist_id=2),
        shelf.put("C", "4", artist_id=3),
    ]
    shelf.select()
    shelf.answer(*map(single_artist, ids[:3]), nothing(ids[3]))
    shelf.write()
    return ids


def state(shelf: Shelf) -> dict[str, object]:
    return {**all_tables(shelf), "correction": shelf.rows("SELECT * FROM correction ORDER BY 1, 2")}


def carried_away(env: dict[str, str], path: Path) -> Path:
    """The decisions of a catalogue as a CSV."""
    ended = call_here("rows", "--state", "manual", "--csv", str(path), env=env)
    assert ended.returncode == 0, ended.stderr
    return path


def test_a_row_is_corrected_explained_and_taken_back(shelf: Shelf, env: dict[str, str]) -> None:
    one, *_ = stock(shelf)
    before = shelf.tables()["main"]
    ended = call_here(
        *("correct", str(one), "--wikidata", "Q9", "--discogs-release", "456"),
        *("--by", "Zoë", "--note", "the sleeve says so", "--json"),
        env=env,
    )
    assert ended.returncode == 0, ended.stderr
    told = json.loads(ended.stdout)
    assert told == {
        "run_id": told["run_id"],
        "decisions_written": 1,
        "rows": 1,
        "main_rows_written": 1,
        "main_rows_removed": 0,
        "source_rows_written": 2,
        "source_rows_removed": 2,
        "history_rows_written": 1,
    }
    assert f"`identity-assets unwind --run {told['run_id']}` takes the decision back" in ended.stderr
    page = " ".join(call_here("explain", str(one), env=env).stdout.split())
    assert "Zoë decided its identity: discogs_release 456, wikidata Q9" in page
    assert "Note: the sleeve says so" in page
    assert "Main row, written by a person (manual:Zoë)" in page
    assert "Never due: its main row is a person's decision" in page
    assert call_here("unwind", "--run", told["run_id"], "--yes", env=env).returncode == 0
    assert shelf.tables()["main"] == before
    assert "What people decided" not in call_here("explain", str(one), env=env).stdout


def test_a_row_is_rejected_and_explained(shelf: Shelf, env: dict[str, str]) -> None:
    one, *_ = stock(shelf)
    assert call_here("reject", str(one), "--by", "bob", env=env).returncode == 0
    page = " ".join(call_here("explain", str(one), env=env).stdout.split())
    assert "bob rejected this identity" in page
    assert "a person rejected the identity that it names, and nothing is written from it" in page
    assert "Not due: LML was asked on" in page
    assert "named an identity that a person rejected, due again from" in page
    shelf.age(8)
    page = " ".join(call_here("explain", str(one), env=env).stdout.split())
    assert "to be tried again: LML was asked on" in page
    assert call_here("status", env=env).returncode == 0


def test_a_decision_that_somebody_else_has_overwritten_is_written_again_and_can_be_taken_back(
    shelf: Shelf, env: dict[str, str]
) -> None:
    one, *_ = stock(shelf)
    command = ("correct", str(one), "--wikidata", "Q9", "--by", "bob")
    assert call_here(*command, env=env).returncode == 0
    corrected = shelf.tables()["main"]
    shelf.run("UPDATE library_identity SET wikidata_qid = 'Q7' WHERE library_id = :id", id=one)
    overwritten = shelf.tables()["main"]
    again = call_here(*command, "--json", env=env)
    told = json.loads(again.stdout)
    assert (told["decisions_written"], told["main_rows_written"]) == (0, 1)
    assert f"`identity-assets unwind --run {told['run_id']}` takes this back" in again.stderr
    assert shelf.tables()["main"] == corrected
    assert call_here("unwind", "--run", told["run_id"], "--yes", env=env).returncode == 0
    assert shelf.tables()["main"] == overwritten
    assert call_here(*command, env=env).returncode == 0
    same = call_here(*command, env=env)
    assert (same.stdout, same.stderr) == ("", "the same was decided before: nothing was changed\n")


@pytest.mark.parametrize("options", [(), ("--source", "musicbrainz"), ("--whole-artist",)])
def test_a_rejection_that_is_made_again_changes_nothing(
    shelf: Shelf, env: dict[str, str], options: tuple[str, ...]
) -> None:
    one, other, *_ = stock(shelf)
    command = ("reject", str(one), *options, "--by", "bob", "--yes")
    assert call_here(*command, env=env).returncode == 0
    before = state(shelf)
    again = call_here(*command, env=env)
    assert again.returncode == 0, again.stderr
    assert "the same was decided before: nothing was changed" in again.stderr
    assert state(shelf) == before
    assert any(row["library_id"] == other for row in shelf.rows("SELECT library_id FROM correction")) is (
        options == ("--whole-artist",)
    )


def test_a_rejection_for_a_whole_artist_that_was_cut_short_is_finished_when_it_is_made_again(
    shelf: Shelf, env: dict[str, str]
) -> None:
    one, other = shelf.put("A", "1"), shelf.put("A", "2")
    shelf.select()
    shelf.answer(*({**single_artist(7), "library_id": library_id} for library_id in (one, other)))
    shelf.write()
    assert call_here("reject", str(one), "--by", "bob", env=env).returncode == 0
    again = call_here("reject", str(one), "--whole-artist", "--by", "bob", "--yes", env=env)
    assert again.returncode == 0, again.stderr
    assert shelf.tables()["main"] == shelf.tables()["source"] == []


def test_a_row_without_an_identity_is_decided_and_counted_beside_the_gate(
    shelf: Shelf, env: dict[str, str]
) -> None:
    *_, last = stock(shelf)
    assert call_here("correct", str(last), "--none", "--by", "bob", env=env).returncode == 0
    gate = call_here("gate", "--json", env=env)
    assert json.loads(gate.stdout)["truly_unresolved_rows"] == 1
    assert json.loads(gate.stdout)["decided_none_rows"] == 1
    assert "without an identity by decision" in call_here("gate", env=env).stdout
    page = call_here("explain", str(last), env=env).stdout
    assert "Never due: a person decided that no service has an identity for it." in " ".join(page.split())
    assert json.loads(call_here("status", "--json", env=env).stdout)["states"]["decided_none"] == 1


def test_more_than_one_row_is_asked_about_first(shelf: Shelf, env: dict[str, str]) -> None:
    first, second, *_ = stock(shelf)
    before = state(shelf)
    arguments = ("correct", str(first), "--wikidata", "Q9", "--whole-artist")
    unasked = call_here(*arguments, env=env)
    assert unasked.returncode == 1
    assert "Decide 2 library rows?" in unasked.stderr
    assert state(shelf) == before
    assert call_here(*arguments, env=env, stdin="y\n").returncode == 0
    manual = shelf.rows("SELECT library_id FROM library_identity WHERE method = 'manual' ORDER BY 1")
    assert [row["library_id"] for row in manual] == [first, second]


def test_a_restored_catalogue_gets_its_decisions_from_the_csv(
    shelf: Shelf, env: dict[str, str], tmp_path: Path
) -> None:
    ids = stock(shelf)
    backup = {
        table: shelf.rows(f"SELECT * FROM {table} ORDER BY 1, 2")
        for table in ("library_identity", "correction")
    }
    for arguments in (
        (
            "correct",
            str(ids[0]),
            "--wikidata",
            "Q9",
            "--discogs-master",
            "5",
            "--note",
            "a, “b”",
            "--by",
            "Zoë",
        ),
        ("reject", str(ids[1]), "--by", "bob"),
        ("reject", str(ids[2]), "--source", "discogs", "--by", "bob"),
        ("correct", str(ids[3]), "--none", "--by", "eve"),
    ):
        assert call_here(*arguments, env=env).returncode == 0
    decided = ("library_id", "decision", "source", "ids", "made_by", "note")
    wanted = {
        "correction": shelf.rows(f"SELECT {', '.join(decided)} FROM correction ORDER BY 1, 2"),
        "main": shelf.tables()["main"],
        "source": shelf.tables()["source"],
    }
    sheet = carried_away(env, tmp_path / "decisions.csv")

    # The catalogue is restored from a backup that was made before people decided.
    for run in shelf.rows("SELECT run_id FROM correction ORDER BY made_at DESC"):
        assert call_here("unwind", "--run", run["run_id"], "--yes", env=env).returncode == 0
    assert shelf.rows("SELECT * FROM library_identity ORDER BY 1, 2") == backup["library_identity"]
    assert shelf.rows("SELECT * FROM correction") == backup["correction"] == []

    before = state(shelf)
    checked = call_here("correct", "--csv", str(sheet), "--check", env=env)
    assert checked.returncode == 0, checked.stderr
    assert "4 decisions about 4 library rows can be written; nothing was written" in checked.stderr
    checked = call_here("correct", "--csv", str(sheet), "--check", "--json", env=env)
    told = json.loads(checked.stdout)
    assert (told["run_id"], told["rows"], told["decisions_written"]) == (None, 4, 0)
    assert state(shelf) == before
    brought = call_here("correct", "--csv", str(sheet), "--yes", env=env)
    assert brought.returncode == 0, brought.stderr
    assert shelf.rows(f"SELECT {', '.join(decided)} FROM correction ORDER BY 1, 2") == wanted["correction"]
    assert shelf.tables()["main"] == wanted["main"]
    assert shelf.tables()["source"] == wanted["source"]
    again = call_here("correct", "--csv", str(sheet), "--yes", env=env)
    assert "the same was decided before: nothing was changed" in again.stderr
    [run_id] = re.findall(r"unwind --run ([0-9a-f-]{36})", brought.stderr)
    assert call_here("unwind", "--run", run_id, "--yes", env=env).returncode == 0
    assert shelf.rows("SELECT * FROM library_identity ORDER BY 1, 2") == backup["library_identity"]


def test_a_manual_row_that_was_written_by_hand_is_carried_away_too(
    shelf: Shelf, env: dict[str, str], tmp_path: Path
) -> None:
    one, *_ = stock(shelf)
    shelf.run("UPDATE library_identity SET method = 'manual', notes = NULL WHERE library_id = :id", id=one)
    [row] = csv.DictReader(carried_away(env, tmp_path / "x.csv").read_text(encoding="utf-8").splitlines())
    assert (row["decision"], row["wikidata"], row["by"]) == ("correct", f"Q{one}", "")


def test_every_bad_line_is_named_and_nothing_is_written(
    shelf: Shelf, env: dict[str, str], tmp_path: Path
) -> None:
    ids = stock(shelf)
    sheet = tmp_path / "sheet.csv"
    sheet.write_text(
        "Library_ID; Decision ;wikidata;discogs_release;by;note;artist_name;mine\r\n"
        f"{ids[0]};correct;Q1;;;;A;x\r\n"
        f"{ids[0]};none;;;;;;\r\n"
        "\r\n"
        "99999;correct;Q1;;;;;\r\n"
        "x;none;;;;;;\r\n"
        f'{ids[1]};correct;Q0;;;"two\nlines";;\r\n'
        f"{ids[1]};correct;;2147483648;;;;\r\n"
        f"{ids[1]};perhaps;;;;;;\r\n"
        f"{ids[2]};correct;;;;;;\r\n"
        f"{ids[2]};none;Q1;;;;;\r\n"
        f"{ids[3]};reject;;;;;;\r\n"
        f"{ids[3]};NONE;;;;;Somebody;\r\n"
        f"{ids[3]};;;;;;;\r\n"
        f"{ids[3]};;Q1;;;;;\r\n"
        f"{'9' * 5000};none;;;;;;\r\n",
        encoding="utf-8-sig",
        newline="",
    )
    before = state(shelf)
    ended = call_here("correct", "--csv", str(sheet), "--yes", env=env)
    assert ended.returncode == 2
    said = {
        int(number): reason for number, reason in re.findall(r"sheet\.csv, line (\d+): (.*)", ended.stderr)
    }
    assert "columns that are not read: mine" in ended.stderr
    assert said.keys() == {3, 5, 6, 7, 9, 10, 11, 12, 13, 14, 16, 17}
    assert "is decided on line 2 already" in said[3]
    assert said[5] == "there is no library row 99999"
    assert said[6] == "'x' is not a library_id"
    assert "wikidata: 'Q0' is not a Wikidata id" in said[7]
    assert "discogs_release: '2147483648' is not a Discogs id" in said[9]
    assert "'perhaps' is not a decision: it takes correct, reject, none, or nothing" in said[10]
    assert said[11].startswith("a correction needs an id: fill in one of the columns wikidata, spotify")
    assert "it takes no ids" in said[12]
    assert said[13] == f"library row {ids[3]} has no identity to reject"
    assert "the artist of library row" in said[14]
    assert said[16] == "it has an id or a source, and its column `decision` is empty"
    assert said[17].endswith("9' is not a library_id")
    assert "12 of 13 decisions cannot be taken: nothing was written" in ended.stderr
    assert state(shelf) == before


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["correct"], "name a library row"),
        (["correct", "1"], "a correction needs an id: one of --wikidata, --spotify"),
        (["correct", "1", "--none", "--wikidata", "Q1"], "so it takes no ids"),
        (["correct", "1", "--wikidata", "42"], "wikidata: '42' is not a Wikidata id"),
        (["correct", "1", "--musicbrainz-artist", "x"], "musicbrainz_artist: 'x' is not a MusicBrainz id"),
        (["correct", "1", "--discogs-artist", "0"], "discogs_artist: '0' is not a Discogs id"),
        (["correct", "1", "--spotify", "a b"], "spotify: 'a b' is not an id"),
        (["correct", "1", "2", "--discogs-release", "5"], "belongs to one library row"),
        (["correct", "1", "--wikidata", "Q1", "--by", "a\x07b"], "is not a name of a person"),
        (["correct", "1", "--wikidata", "Q1", "--note", "a\nb"], "holds a control character"),
        (["correct", "4711", "--wikidata", "Q1"], "there is no library row 4711. Nothing was written"),
        (["correct", "1", "--csv", "x.csv"], "--csv has the library rows"),
        (["correct", "--csv", "nowhere.csv"], "nowhere.csv is not there"),
        (["reject", "1"], "library row 1 has no identity to reject. Nothing was written"),
        (["reject", "4711"], "there is no library row 4711. Nothing was written"),
        (["reject", "1", "--source", "myspace"], "there is no source 'myspace'"),
        (["correct", "0", "--none"], "0 is not in the range"),
        (["run", "--library-id", "1"], "choose also one of unresolved, compilations, invalid, all"),
        (["run", "--ask-again", "all", "--asked-before", "soon"], "'soon' is not a date"),
    ],
)
def test_what_cannot_be_decided_is_one_line_and_changes_nothing(
    arguments: list[str], said: str, shelf: Shelf, env: dict[str, str]
) -> None:
    shelf.put("Known 1")
    before = state(shelf)
    ended = call_here(*arguments, env=env)
    # There is nothing to reject: that is no wrong argument.
    assert ended.returncode == (1 if "to reject" in said else 2)
    assert said in one_line(ended)
    assert state(shelf) == before


def test_a_file_without_the_columns_is_one_line(shelf: Shelf, env: dict[str, str], tmp_path: Path) -> None:
    shelf.put()
    sheet = tmp_path / "sheet.csv"
    for text, said in (
        ("library_id,wikidata\n1,Q1\n", "has no column decision"),
        ("library_id,decision,Decision\n1,none,none\n", "has the column decision twice"),
        ("", "is empty"),
        ('library_id,decision\n1,"none\n', "mend its quotes"),
    ):
        sheet.write_text(text, encoding="utf-8")
        ended = call_here("correct", "--csv", str(sheet), env=env)
        assert ended.returncode == 2
        assert said in one_line(ended)
    sheet.write_text("library_id,decision\n1,\n", encoding="utf-8")
    ended = call_here("correct", "--csv", str(sheet), env=env)
    assert ended.returncode == 1
    assert "has no decision" in one_line(ended)


def test_with_dry_run_set_nothing_is_decided(shelf: Shelf, env: dict[str, str]) -> None:
    one, *_ = stock(shelf)
    for arguments in (["correct", str(one), "--none"], ["reject", str(one)]):
        ended = call_here(*arguments, env={**env, "DRY_RUN": "true"})
        assert ended.returncode == 2
        assert "DRY_RUN=true" in one_line(ended)


def test_a_decision_waits_for_no_run_that_holds_its_partition(shelf: Shelf, env: dict[str, str]) -> None:
    one, other, *_ = stock(shelf)
    with shelf.database.partitions_locked(Buckets(16, (one % 16,))):
        ended = call_here("correct", str(one), "--none", env=env)
        assert ended.returncode == 1
        assert "is being worked on by" in one_line(ended)
        assert call_here("correct", str(other), "--none", env=env).returncode == 0


def test_an_unknown_row_among_rows_without_an_identity_is_a_wrong_argument(
    shelf: Shelf, env: dict[str, str]
) -> None:
    one = shelf.put("Known 1")
    ended = call_here("reject", str(one), "4711", env=env)
    assert ended.returncode == 2
    assert ended.stderr.splitlines() == [
        f"identity-assets: library row {one} has no identity to reject",
        "identity-assets: there is no library row 4711. Nothing was written",
    ]


def test_a_sheet_in_an_encoding_that_is_not_known_is_to_be_saved_as_utf8(
    env: dict[str, str], tmp_path: Path
) -> None:
    sheet = tmp_path / "sheet.csv"
    sheet.write_bytes("library_id,decision\n1,none\n".encode("utf-16") + b"\x00\xd8")
    ended = call_here("correct", "--csv", str(sheet), env=env)
    assert ended.returncode == 2
    assert one_line(ended).endswith("cannot be read; save it as UTF-8")
