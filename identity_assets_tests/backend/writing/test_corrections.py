"""What people decide: it is written as they say, no run changes it, and it can be taken back byte for byte."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import pytest

from identity_assets.backend.ledger.accounts import read_accounts
from identity_assets.backend.ledger.candidates import select_candidates
from identity_assets.backend.reports.gate import advice, read_gate
from identity_assets.backend.undo.by_run import Writes, last_writes, plan_unwind, unwind
from identity_assets.backend.writing.corrections import (
    Corrected,
    Problem,
    for_whole_artists,
    problems_of,
    write_decisions,
)
from identity_assets.backend.writing.decisions import Decision, DecisionError, DecisionKind
from identity_assets.backend.writing.replay import replay
from identity_assets.backend.writing.verdicts import write_verdicts
from identity_assets.gathering import gather_and_store
from identity_assets.settings import Leg, Scope
from identity_assets_tests.legs.support import evidence
from identity_assets_tests.support import EVERY_BUCKET, Shelf, nothing, provenance, single_artist

TABLES = ("library_identity", "library_identity_source", "library_unresolved", "leg_filled", "correction")


def image(shelf: Shelf) -> dict[str, list[dict[str, Any]]]:
    """Every column of every row that a decision may change."""
    return {table: shelf.rows(f"SELECT * FROM {table} ORDER BY 1, 2") for table in TABLES}


def correct(library_id: int, ids: Mapping[str, str] | None = None, **changes: Any) -> Decision:
    return Decision(library_id, DecisionKind.correct, "bob", ids or {"wikidata": "Q9"}, **changes)


def reject(library_id: int, **changes: Any) -> Decision:
    return Decision(library_id, DecisionKind.reject, "bob", **changes)


def none(library_id: int) -> Decision:
    return Decision(library_id, DecisionKind.none, "bob")


def decide(shelf: Shelf, *decisions: Decision, run_id: str = "decided") -> Corrected:
    assert problems_of(shelf.database, decisions) == [None] * len(decisions)
    return write_decisions(shelf.database, decisions, shelf.settings, run_id)


def run(shelf: Shelf, *results: Mapping[str, Any], run_id: str = "run") -> None:
    """A pass in which LML answers so."""
    shelf.select(run_id=run_id)
    shelf.answer(*results, run_id=run_id)
    shelf.write(run_id=run_id)


def take_back(shelf: Shelf, run_id: str = "decided") -> None:
    unwound = unwind(shelf.database, Writes({run_id: None}), 100)
    assert unwound.left_alone == ()
    assert unwound.rows > 0


def test_a_correction_is_manual_in_main_row_and_source_rows_and_says_who(shelf: Shelf) -> None:
    one = shelf.put()
    run(shelf, single_artist(one))
    decide(shelf, correct(one, {"wikidata": "Q9", "discogs": "7", "discogs_release": "456"}))
    [main] = shelf.rows("SELECT * FROM library_identity")
    assert (main["method"], main["confidence"], main["notes"]) == ("manual", 1.0, "manual:bob")
    assert (main["wikidata_qid"], main["discogs_artist_id"], main["discogs_release_id"]) == ("Q9", 7, 456)
    assert (main["spotify_id"], main["apple_music_id"], main["agreement_sources"]) == (None, None, None)
    sources = shelf.rows("SELECT source, external_id, method, confidence, notes FROM library_identity_source")
    assert {(row["source"], row["external_id"]) for row in sources} == {
        ("wikidata", "Q9"),
        ("discogs", "7"),
        ("discogs_release", "456"),
    }
    assert {(row["method"], row["confidence"], row["notes"]) for row in sources} == {
        ("manual", 1.0, "manual:bob")
    }
    [history] = shelf.rows("SELECT * FROM library_identity_history")
    assert (history["superseded_reason"], history["wikidata_qid"]) == ("correction", f"Q{one}")
    shelf.age(900)
    assert shelf.select() == 0


def test_a_correction_of_the_release_alone_keeps_the_ids_of_the_artist(shelf: Shelf) -> None:
    one = shelf.put()
    run(shelf, single_artist(one))
    decide(shelf, correct(one, {"discogs_release": "456"}))
    [main] = shelf.rows("SELECT * FROM library_identity")
    assert (main["wikidata_qid"], main["discogs_release_id"], main["method"]) == (f"Q{one}", 456, "manual")
    assert {row["source"] for row in shelf.rows("SELECT * FROM library_identity_source")} == {
        "discogs",
        "musicbrainz",
        "discogs_release",
    }


@pytest.mark.promise("unwind")
@pytest.mark.parametrize("kind", ["correct", "reject", "none", "source"])
@pytest.mark.parametrize("answer", ["single", "nothing", "never asked"])
def test_a_decision_is_taken_back_byte_for_byte(shelf: Shelf, kind: str, answer: str) -> None:
    one, other = shelf.put(), shelf.put("Else")
    if answer != "never asked":
        run(shelf, single_artist(one) if answer == "single" else nothing(one), single_artist(other))
    decision = {
        "correct": correct(one),
        "reject": reject(one),
        "none": none(one),
        "source": reject(one, source="discogs"),
    }[kind]
    if decision.kind is DecisionKind.reject and answer != "single":
        [problem] = problems_of(shelf.database, [decision])
        assert problem == Problem(f"library row {one} has no identity to reject", is_wrong=False)
        return
    before = image(shelf)
    decide(shelf, decision)
    assert image(shelf) != before
    assert last_writes(shelf.database, [one]).by_run == {"decided": [one]}
    take_back(shelf)
    assert image(shelf) == before
    assert plan_unwind(shelf.database, Writes({"decided": None}), 100).rows == 0


def test_decisions_upon_each_other_are_taken_back_in_reverse(shelf: Shelf) -> None:
    one = shelf.put()
    run(shelf, single_artist(one))
    images = []
    decisions = [
        reject(one, source="discogs"),
        reject(one, source="musicbrainz"),
        correct(one),
        none(one),
        correct(one, {"spotify": "s"}),
        reject(one),
    ]
    for number, decision in enumerate(decisions):
        images.append(image(shelf))
        decide(shelf, decision, run_id=f"decided {number}")
    [left] = plan_unwind(shelf.database, Writes({"decided 2": None}), 100).left_alone
    assert (left.reason, left.run_id) == ("manual", "decided 5")
    for number in reversed(range(len(decisions))):
        take_back(shelf, f"decided {number}")
        assert image(shelf) == images[number], number


def test_a_decision_that_stands_already_changes_nothing(shelf: Shelf) -> None:
    one, two, three = shelf.put(), shelf.put("B"), shelf.put("C")
    run(shelf, *map(single_artist, (one, two, three)))
    again = [correct(one), none(two), reject(three, ids={"wikidata": f"Q{three}"})]
    assert decide(shelf, *again).decisions_written == 3
    before = image(shelf)
    done = decide(shelf, *again, run_id="again")
    assert (done.decisions_written, done.written.rows) == (0, 3)
    assert image(shelf) == before
    assert not shelf.rows("SELECT FROM journal_chunk WHERE run_id = 'again'")


def test_a_rejected_identity_stays_away_while_lml_says_the_same_and_another_one_is_written(
    shelf: Shelf,
) -> None:
    one = shelf.put()
    run(shelf, single_artist(one))
    decide(shelf, reject(one))
    assert shelf.rows("SELECT FROM library_identity") == []
    assert shelf.rows("SELECT FROM library_identity_source") == []
    assert shelf.select() == 0, "LML was asked in this window"

    shelf.age(8)
    said_again = single_artist(one, confidence=0.99)
    said_again["provenance"].append(provenance("bandcamp", "exact_match", 1.0, "new"))
    run(shelf, said_again)
    assert shelf.outcomes() == {one: "rejected_by_person"}
    assert shelf.rows("SELECT FROM library_identity") == []
    assert shelf.select() == 0, "nothing is asked twice in its window"

    shelf.age(8)
    run(shelf, single_artist(one, main={"wikidata_qid": "Q77"}))
    assert shelf.outcomes() == {one: "resolved"}
    [main] = shelf.rows("SELECT wikidata_qid FROM library_identity")
    assert main["wikidata_qid"] == "Q77"


def test_both_rejected_identities_stay_away_when_lml_changes_between_them(shelf: Shelf) -> None:
    one = shelf.put()
    for number, qid in enumerate(("Q1", "Q2")):
        shelf.age(8)
        run(shelf, single_artist(one, main={"wikidata_qid": qid}, provenance=[]))
        decide(shelf, reject(one), run_id=f"decided {number}")
    for qid in ("Q1", "Q2"):
        shelf.age(8)
        run(shelf, single_artist(one, main={"wikidata_qid": qid}, provenance=[]))
        assert shelf.outcomes() == {one: "rejected_by_person"}


def test_a_rejected_id_of_one_source_stays_away_and_the_rest_of_the_answer_is_written(shelf: Shelf) -> None:
    one = shelf.put()
    run(shelf, single_artist(one))
    decide(shelf, reject(one, source="discogs"))
    shelf.age(8)
    run(shelf, single_artist(one))
    assert shelf.outcomes() == {one: "resolved"}
    assert [row["source"] for row in shelf.rows("SELECT source FROM library_identity_source")] == [
        "musicbrainz"
    ]
    shelf.age(8)
    run(shelf, single_artist(one, provenance=[provenance("discogs", "exact_match", 1.0, "other")]))
    assert shelf.rows("SELECT external_id FROM library_identity_source") == [{"external_id": "other"}]


def test_a_rejected_id_of_the_main_row_is_emptied_and_stays_empty(shelf: Shelf) -> None:
    one = shelf.put()
    run(shelf, single_artist(one))
    decide(shelf, reject(one, source="wikidata"))
    for _ in range(2):
        [main] = shelf.rows("SELECT wikidata_qid, spotify_id FROM library_identity")
        assert main == {"wikidata_qid": None, "spotify_id": "sp"}
        shelf.age(8)
        run(shelf, single_artist(one))


def test_a_replay_does_not_bring_back_what_a_person_rejected(shelf: Shelf) -> None:
    one, two = shelf.put(), shelf.put("B")
    run(shelf, single_artist(one), single_artist(two))
    decide(shelf, reject(one), none(two))
    replay(shelf.database, EVERY_BUCKET, shelf.settings, run_id="replayed")
    assert shelf.rows("SELECT FROM library_identity") == []
    assert set(shelf.outcomes().values()) == {"rejected_by_person"}


@pytest.mark.promise("manual")
def test_a_row_without_an_identity_is_never_asked_until_that_is_taken_back(shelf: Shelf) -> None:
    demo_tape, other = shelf.put("Demo", artist_id=1), shelf.put("Else", artist_id=2)
    run(shelf, nothing(demo_tape), nothing(other))
    before = read_gate(shelf.database, 1000)
    decide(shelf, none(demo_tape))
    after = read_gate(shelf.database, 1000)
    assert after.truly_unresolved_rows == before.truly_unresolved_rows == 2
    assert (after.decided_none_rows, before.decided_none_rows) == (1, 0)
    assert after.as_dict()["decided_none_rows"] == 1
    assert "unresolved by LML" in advice(after)
    shelf.age(900)
    shelf.run("UPDATE library SET album_title = 'Renamed' WHERE id = :id", id=demo_tape)
    assert shelf.select() == 1
    take_back(shelf)
    assert shelf.select() == 2


def test_a_rejected_row_is_a_reason_of_its_own_at_the_gate(shelf: Shelf) -> None:
    one = shelf.put()
    run(shelf, single_artist(one))
    decide(shelf, reject(one))
    report = read_gate(shelf.database, 1000)
    assert {name: rows for name, rows in report.residual.items() if rows} == {"rejected_by_person": 1}


def test_a_decision_can_be_taken_back_after_other_writes_are_forgotten(shelf: Shelf) -> None:
    one, other = shelf.put(), shelf.put("Else")
    run(shelf, single_artist(one), single_artist(other))
    decide(shelf, none(one))
    shelf.run("UPDATE journal_chunk SET written_at = now() - interval '900 days'")
    shelf.select()
    assert {row["run_id"] for row in shelf.rows("SELECT run_id FROM journal_chunk")} == {"decided"}
    take_back(shelf)
    assert len(shelf.rows("SELECT FROM library_identity")) == 2


def test_a_deleted_library_row_takes_its_decision_with_it(shelf: Shelf) -> None:
    one = shelf.put()
    decide(shelf, none(one))
    shelf.delete_release(one)
    shelf.select()
    assert shelf.rows("SELECT FROM correction") == []


def test_one_decision_is_given_to_all_releases_of_an_artist_but_those_that_people_decided(
    shelf: Shelf,
) -> None:
    first, second, decided = (shelf.put("A", title) for title in ("1", "2", "3"))
    other = shelf.put("B", artist_id=2)
    run(shelf, *map(single_artist, (first, second, decided, other)))
    decide(shelf, correct(decided, {"wikidata": "Q3"}))
    spread = for_whole_artists(shelf.database, [correct(first)])
    assert [one.library_id for one in spread] == [first, second]
    with pytest.raises(DecisionError, match="cannot be given to all releases"):
        for_whole_artists(shelf.database, [correct(first, {"discogs_release": "1"})])
    with pytest.raises(DecisionError, match="decided in two ways"):
        for_whole_artists(shelf.database, [correct(first), none(second)])


def test_an_identity_is_rejected_of_all_releases_that_have_it(shelf: Shelf) -> None:
    same, alike, different = (shelf.put("A", title) for title in ("1", "2", "3"))
    for one, qid in ((same, "Q1"), (alike, "Q1"), (different, "Q2")):
        run(shelf, single_artist(one, main={"wikidata_qid": qid}, provenance=[]))
    decide(shelf, *for_whole_artists(shelf.database, [reject(same)]))
    assert [row["library_id"] for row in shelf.rows("SELECT library_id FROM library_identity")] == [different]
    assert len(shelf.rows("SELECT FROM correction")) == 3


def test_ranges_are_transactions_of_their_own(shelf: Shelf) -> None:
    ids = shelf.put_many([f"A{number}" for number in range(7)])
    write_decisions(
        shelf.database, [none(one) for one in ids], replace(shelf.settings, writer_chunk_rows=2), "decided"
    )
    assert len(shelf.rows("SELECT FROM correction")) == 7
    assert len(shelf.rows("SELECT FROM journal_chunk")) == 4
    take_back(shelf)
    assert shelf.rows("SELECT FROM correction") == []


def test_what_a_leg_finds_is_not_written_where_a_person_rejected_it(shelf: Shelf) -> None:
    wrong, without, right = (shelf.put(name, canonical="discogs:5") for name in "ABC")

    def leg() -> list[int]:
        gather_and_store(Leg.S1, shelf.database, shelf.settings, EVERY_BUCKET, "leg")
        write_verdicts(shelf.database, EVERY_BUCKET, shelf.settings, "leg", with_legs=True)
        return [row["library_id"] for row in shelf.rows("SELECT library_id FROM library_identity ORDER BY 1")]

    assert leg() == [wrong, without, right]
    decide(shelf, reject(wrong), none(without))
    assert leg() == [right]
    shelf.run("UPDATE library SET canonical_entity_id = 'discogs:6'")
    assert leg() == [wrong, right]


def test_a_pass_with_decisions_keeps_its_accounts(shelf: Shelf) -> None:
    one = shelf.put()
    run(shelf, single_artist(one))
    decide(shelf, reject(one))
    shelf.age(8)
    run(shelf, single_artist(one))
    [accounts] = [each for each in read_accounts(shelf.database, EVERY_BUCKET).values() if each.scanned]
    assert accounts.skipped == {"rejected_by_person": 1}
    accounts.check(1)
    assert select_candidates(shelf.database, EVERY_BUCKET, shelf.settings, Scope.full, "next") == []


@pytest.mark.promise("unwind")
@pytest.mark.parametrize("of_lml", [False, True])
@pytest.mark.parametrize("source", [None, "discogs_release", "none"])
def test_a_decision_about_what_a_leg_wrote_can_be_taken_back_after_the_next_run(
    shelf: Shelf, source: str | None, of_lml: bool
) -> None:
    library_id = shelf.put(canonical="discogs:5")
    if of_lml:
        run(shelf, single_artist(library_id))
    gather_and_store(Leg.S1, shelf.database, shelf.settings, EVERY_BUCKET, "run")
    write_verdicts(shelf.database, EVERY_BUCKET, shelf.settings, "run", with_legs=True)
    before = image(shelf)
    assert before["leg_filled"] != []
    decide(shelf, none(library_id) if source == "none" else reject(library_id, source=source))
    after = image(shelf)
    write_verdicts(shelf.database, EVERY_BUCKET, shelf.settings, "next", with_legs=True)
    assert image(shelf) == after
    take_back(shelf)
    assert image(shelf) == before


@pytest.mark.promise("unwind")
@pytest.mark.parametrize("of_lml", [False, True])
@pytest.mark.parametrize("source", ["discogs_master", "discogs_release", None])
@pytest.mark.parametrize("other", ["master 7", "release 6", "release 5"])
def test_what_the_legs_still_find_is_composed_with_the_decision_and_not_by_the_next_run(
    shelf: Shelf, other: str, source: str | None, of_lml: bool
) -> None:
    library_id = shelf.put()
    if of_lml:
        run(shelf, single_artist(library_id))
    evidence(shelf, library_id, "S1", "release 5")
    evidence(shelf, library_id, "S3", other)
    write_verdicts(shelf.database, EVERY_BUCKET, shelf.settings, "run", with_legs=True)
    before = image(shelf)
    if problems_of(shelf.database, [reject(library_id, source=source)]) != [None]:
        assert (source, other) != ("discogs_master", "master 7")
        return
    done = decide(shelf, reject(library_id, source=source))
    assert done.written.main_rows_written + done.written.main_rows_removed == 1
    after = image(shelf)
    write_verdicts(shelf.database, EVERY_BUCKET, shelf.settings, "next", with_legs=True)
    assert image(shelf) == after
    take_back(shelf)
    assert image(shelf) == before


def test_a_main_row_that_two_legs_made_is_made_by_one_when_the_id_of_the_other_is_rejected(
    shelf: Shelf,
) -> None:
    library_id = shelf.put()
    evidence(shelf, library_id, "S1", "release 5")
    evidence(shelf, library_id, "S3", "master 7", ambiguous=True)
    write_verdicts(shelf.database, EVERY_BUCKET, shelf.settings, "run", with_legs=True)
    columns = "SELECT discogs_release_id, discogs_master_id, method, agreement_sources FROM library_identity"
    assert shelf.rows(columns)[0]["method"] == "cross_source_agreement"
    done = decide(shelf, reject(library_id, source="discogs_master"))
    assert (done.written.main_rows_written, done.written.source_rows_removed) == (1, 1)
    assert shelf.rows(columns) == [
        {
            "discogs_release_id": 5,
            "discogs_master_id": None,
            "method": "exact_match",
            "agreement_sources": None,
        }
    ]
    history = shelf.rows("SELECT superseded_reason, method FROM library_identity_history")
    assert history == [{"superseded_reason": "correction", "method": "cross_source_agreement"}]
