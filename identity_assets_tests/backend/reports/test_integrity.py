"""The checks' core: what the real path writes has no findings, and each way to spoil a row is found by its id."""

from collections.abc import Callable
from dataclasses import replace
from itertools import product
from typing import Any

import pytest

from identity_assets.backend.database import Database
from identity_assets.backend.reports.integrity import (
    Finding,
    StaleRows,
    read_asked_twice,
    read_out_of_band,
    read_set_aside,
    read_stale_rows,
    read_times_in_future,
    read_unbalanced,
    read_withdrawn,
    read_without_sources,
)
from identity_assets.lml.contract import CONFIDENCE_BANDS
from identity_assets.partition_keys import Buckets
from identity_assets_tests.support import EVERY_BUCKET, Shelf, nothing, provenance, single_artist


def justified(library_id: int) -> dict[str, Any]:
    """A result whose main ids are those of its provenance."""
    ids = {"wikidata": f"Q{library_id}", "spotify": f"sp{library_id}", "apple_music": f"am{library_id}"}
    return single_artist(
        library_id,
        main={
            "wikidata_qid": ids["wikidata"],
            "spotify_artist_id": ids["spotify"],
            "apple_music_artist_id": ids["apple_music"],
        },
        provenance=[provenance(source, "exact_match", 1.0, given) for source, given in ids.items()],
    )


def resolve(shelf: Shelf, *results: dict[str, Any]) -> None:
    shelf.select()
    shelf.answer(*results)
    shelf.write()


def stock(shelf: Shelf) -> dict[str, int]:
    """A shelf that went through a pass: one row of each outcome that a pass without faults may have."""
    ids = {
        name: shelf.put(f"Artist {name}")
        for name in ("resolved", "unresolved", "compilation", "decided", "odd")
    }
    ids["nameless"] = shelf.put(None)
    shelf.select()
    shelf.run(
        "INSERT INTO library_identity (library_id, method, confidence, last_verified_at) "
        "VALUES (:id, 'manual', 1, now())",
        id=ids["decided"],
    )
    shelf.answer(
        justified(ids["resolved"]),
        nothing(ids["unresolved"]),
        nothing(ids["compilation"], "compilation"),
        justified(ids["decided"]),
        single_artist(ids["odd"], confidence=0.2),
    )
    shelf.write()
    assert shelf.outcomes() == {
        ids["resolved"]: "resolved",
        ids["unresolved"]: "unresolved",
        ids["compilation"]: "compilation",
        ids["decided"]: "manual_override",
        ids["odd"]: "lml_invalid_verdict",
        ids["nameless"]: "missing_artist_name",
    }
    return ids


def stale_of(shelf: Shelf) -> StaleRows:
    return read_stale_rows(shelf.database, shelf.settings, EVERY_BUCKET.partitions)


def unbalanced(shelf: Shelf, buckets: Buckets = EVERY_BUCKET) -> dict[object, object]:
    return {row["library_id"]: row["disagreement"] for row in read_unbalanced(shelf.database, buckets).sample}


def named(finding: Finding) -> list[object]:
    return [row["library_id"] for row in finding.sample]


READERS: dict[str, Callable[[Shelf], Finding]] = {
    "stale_rows": lambda shelf: stale_of(shelf).finding,
    "accounts_balance": lambda shelf: read_unbalanced(shelf.database, EVERY_BUCKET),
    "confidence_in_band": lambda shelf: read_out_of_band(shelf.database),
    "main_rows_have_sources": lambda shelf: read_without_sources(shelf.database),
    "nothing_asked_twice": lambda shelf: read_asked_twice(shelf.database, shelf.settings),
    "identities_withdrawn": lambda shelf: read_withdrawn(shelf.database),
}


@pytest.mark.parametrize("check", READERS)
def test_what_the_real_path_writes_has_no_findings(shelf: Shelf, check: str) -> None:
    assert READERS[check](shelf).count == 0
    ids = stock(shelf)
    assert READERS[check](shelf) == replace(READERS[check](shelf), count=0, sample=())

    shelf.age(days=8)
    resolve(
        shelf,
        justified(ids["unresolved"]),
        justified(ids["resolved"]),
        nothing(ids["compilation"], "compilation"),
        single_artist(ids["odd"], confidence=0.1),
    )
    assert READERS[check](shelf).count == 0


@pytest.mark.parametrize("check", READERS)
def test_the_count_is_exact_and_the_sample_is_the_first_twenty_in_order(shelf: Shelf, check: str) -> None:
    ids = shelf.put_many([f"A {number}" for number in range(23)])
    resolve(shelf, *map(justified, ids))
    spoil_all = {
        "stale_rows": "UPDATE library_identity SET last_verified_at = now() - interval '8 days'",
        "accounts_balance": "UPDATE candidate_library SET outcome = NULL",
        "confidence_in_band": "UPDATE library_identity SET confidence = 0.2",
        "main_rows_have_sources": "DELETE FROM library_identity_source",
        "nothing_asked_twice": "UPDATE lml_verdict SET previous_kind = kind, "
        "previous_asked_at = asked_at - interval '6 days'",
        "identities_withdrawn": "INSERT INTO library_unresolved (library_id, kind, attempted_at, attempts, "
        "first_attempted_at) SELECT id, 'unresolved', now(), 1, now() FROM library",
    }
    shelf.run(spoil_all[check])
    finding = READERS[check](shelf)
    assert finding.count == 23
    assert named(finding) == ids[:20]
    assert all(tuple(row) == finding.columns for row in finding.sample)


def test_stale_rows_are_those_that_the_selection_takes_again(shelf: Shelf) -> None:
    states = product((None, "fresh", "past", "manual"), (None, "fresh", "past"), ("Anna Nyberg", None))
    days = {"fresh": 6.9, "past": 7.1, "manual": 400}
    for main, attempt, artist in states:
        library_id = shelf.put(artist, canonical=None)
        if main:
            shelf.run(
                "INSERT INTO library_identity (library_id, method, confidence, last_verified_at) "
                "VALUES (:id, :method, 1, now() - make_interval(secs => :days * 86400))",
                id=library_id,
                method="manual" if main == "manual" else "exact_match",
                days=days[main],
            )
        if attempt:
            shelf.run(
                "INSERT INTO library_unresolved (library_id, kind, attempted_at, attempts, first_attempted_at) "
                "VALUES (:id, 'unresolved', now() - make_interval(secs => :days * 86400), 1, now())",
                id=library_id,
                days=days[attempt],
            )
    found = stale_of(shelf)
    shelf.select()
    selected = shelf.rows(
        "SELECT library_id, reason FROM candidate_library WHERE outcome IS NULL AND reason <> 'never_asked' "
        "ORDER BY library_id"
    )
    assert [(row["library_id"], row["reason"]) for row in found.finding.sample] == [
        (row["library_id"], row["reason"]) for row in selected
    ]
    assert found.finding.count == len(selected) == 3
    assert {row["reason"] for row in selected} == {"stale", "retry_due"}
    assert found.held == 22
    assert found.share == pytest.approx(3 / 22)


def test_stale_rows_are_counted_by_partition_with_the_oldest_age(shelf: Shelf) -> None:
    resolved, unresolved = shelf.put(), shelf.put()
    resolve(shelf, justified(resolved), nothing(unresolved))
    shelf.age(days=9)
    shelf.run(
        "UPDATE library_unresolved SET attempted_at = attempted_at - interval '3 days' WHERE library_id = :id",
        id=unresolved,
    )
    found = stale_of(shelf)
    by_bucket = {
        one.bucket: (one.held, one.stale, one.retry_due, one.oldest_age_days) for one in found.partitions
    }
    assert by_bucket.pop(resolved % 16) == (1, 1, 0, 9.0)
    assert by_bucket.pop(unresolved % 16) == (1, 0, 1, 12.0)
    assert set(by_bucket.values()) == {(0, 0, 0, 0.0)}
    assert (found.oldest_age_days, found.share) == (12.0, 1.0)


def test_the_windows_of_stale_rows_are_the_settings(shelf: Shelf) -> None:
    resolved, unresolved = shelf.put(), shelf.put()
    resolve(shelf, justified(resolved), nothing(unresolved))
    shelf.age(days=2)
    shelf.settings = replace(shelf.settings, stale_threshold_days=2, unresolved_retry_days=3)
    assert named(stale_of(shelf).finding) == [resolved]
    shelf.settings = replace(shelf.settings, stale_threshold_days=3, unresolved_retry_days=2)
    assert named(stale_of(shelf).finding) == [unresolved]


SPOILED_ACCOUNTS = [
    (
        "resolved",
        "UPDATE candidate_library SET outcome = NULL WHERE library_id = :id",
        "no outcome: materialise lml_verdicts and the identity tables",
    ),
    ("resolved", "DELETE FROM library_identity WHERE library_id = :id", "it has no main row"),
    (
        "resolved",
        "INSERT INTO library_unresolved VALUES (:id, 'unresolved', now() - interval '9 days', 1, now())",
        "it is resolved and has a row in library_unresolved",
    ),
    (
        "resolved",
        "UPDATE lml_verdict_state SET applied_at = NULL WHERE library_id = :id",
        "no stored answer of LML is marked as applied",
    ),
    (
        "resolved",
        "DELETE FROM lml_verdict WHERE library_id = :id",
        "no stored answer of LML is marked as applied",
    ),
    (
        "resolved",
        "UPDATE candidate_library SET outcome = 'unresolved' WHERE library_id = :id",
        "LML's stored answer is of the kind single_artist",
    ),
    (
        "resolved",
        "UPDATE candidate_library SET outcome = 'lml_error' WHERE library_id = :id",
        "an answer was applied in this pass, though the outcome says that nothing was written",
    ),
    (
        "unresolved",
        "DELETE FROM library_unresolved WHERE library_id = :id",
        "library_unresolved has no row of this kind for it",
    ),
    (
        "compilation",
        "UPDATE library_unresolved SET kind = 'unresolved' WHERE library_id = :id",
        "library_unresolved has no row of this kind for it",
    ),
    (
        "unresolved",
        "UPDATE library_unresolved SET attempted_at = attempted_at - interval '1 day' WHERE library_id = :id",
        "its row in library_unresolved is older than the answer",
    ),
    (
        "decided",
        "UPDATE library_identity SET method = 'exact_match', notes = 'consumer:lml-bulk', last_verified_at = "
        "(SELECT asked_at FROM lml_verdict WHERE library_id = :id) WHERE library_id = :id",
        "LML's answer was written over a person's decision",
    ),
    (
        "nameless",
        "INSERT INTO lml_verdict (library_id, verdict, tracks_trusted, artist_name, album_title, asked_at, run_id) "
        "VALUES (:id, '{}', false, '', '', now(), 'run')",
        "LML was asked about it, though it has no artist name",
    ),
    (
        "odd",
        "UPDATE lml_verdict_state SET applied_at = now() WHERE library_id = :id",
        "an answer was applied in this pass, though the outcome says that nothing was written",
    ),
]


@pytest.mark.parametrize(("row", "spoil", "disagreement"), SPOILED_ACCOUNTS)
def test_an_account_that_the_tables_deny_is_named_with_what_disagrees(
    shelf: Shelf, row: str, spoil: str, disagreement: str
) -> None:
    ids = stock(shelf)
    assert shelf.run(spoil, id=ids[row]) == 1
    assert unbalanced(shelf) == {ids[row]: disagreement}


@pytest.mark.parametrize("row", ["resolved", "unresolved", "compilation"])
def test_what_a_person_decided_since_is_no_disagreement(shelf: Shelf, row: str) -> None:
    ids = stock(shelf)
    shelf.run("DELETE FROM library_identity WHERE library_id = :id", id=ids[row])
    shelf.run("DELETE FROM library_unresolved WHERE library_id = :id", id=ids[row])
    assert set(unbalanced(shelf)) == {ids[row]}
    shelf.run(
        "INSERT INTO library_identity (library_id, method, confidence, last_verified_at) "
        "VALUES (:id, 'manual', 1, now() - interval '2 days')",
        id=ids[row],
    )
    assert unbalanced(shelf) == {}


def test_a_persons_row_that_was_removed_since_and_library_rows_that_are_gone_are_no_disagreement(
    shelf: Shelf,
) -> None:
    ids = stock(shelf)
    shelf.run("DELETE FROM library_identity WHERE library_id = :id", id=ids["decided"])
    for row in ("resolved", "unresolved"):
        shelf.delete_release(ids[row])
    assert unbalanced(shelf) == {}


def test_a_row_that_the_database_refuses_is_accounted_for(shelf: Shelf) -> None:
    good, bad = shelf.put(), shelf.put()
    shelf.run(f"ALTER TABLE library_identity ADD CONSTRAINT no_luck CHECK (library_id <> {bad})")
    resolve(shelf, justified(good), justified(bad))
    assert shelf.outcomes()[bad] == "writer_error"
    assert unbalanced(shelf) == {}


def test_rows_without_an_outcome_count_only_in_the_partitions_in_question_and_where_no_run_is_at_work(
    shelf: Shelf,
) -> None:
    first, second = shelf.put(), shelf.put()
    shelf.select()
    assert set(unbalanced(shelf)) == {first, second}
    assert set(unbalanced(shelf, Buckets(16, (second % 16,)))) == {second}
    with (
        Database(shelf.settings, "run at-work") as other,
        other.partitions_locked(Buckets(16, (first % 16,))),
    ):
        assert set(unbalanced(shelf)) == {second}
    assert set(unbalanced(shelf)) == {first, second}


EDGES = [
    (method, edge, inside)
    for method, (lowest, highest) in CONFIDENCE_BANDS.items()
    for edge, inside in (
        (lowest, True),
        (highest, True),
        (round(lowest - 0.01, 2), False),
        (round(highest + 0.01, 2), False),
    )
    if edge <= 1
]


@pytest.mark.parametrize("table", ["library_identity", "library_identity_source"])
def test_both_ends_of_a_band_are_inside_and_a_hundredth_further_is_not(shelf: Shelf, table: str) -> None:
    outside = []
    for method, confidence, inside in EDGES:
        library_id = shelf.put()
        put_row(shelf, table, library_id, method, confidence)
        outside += [] if inside else [library_id]
    finding = read_out_of_band(shelf.database)
    assert named(finding) == outside
    assert {row["in_table"] for row in finding.sample} == {table}


@pytest.mark.parametrize("table", ["library_identity", "library_identity_source"])
@pytest.mark.parametrize("notes", ["a person", "consumer:lml-bulk", None])
def test_an_unknown_method_is_named_whoever_wrote_it_and_inherited_is_not_judged(
    shelf: Shelf, table: str, notes: str | None
) -> None:
    odd, inherited = shelf.put(), shelf.put()
    put_row(shelf, table, odd, "hearsay", 1, notes)
    put_row(shelf, table, inherited, "inherited", 0.1, notes)
    [row] = read_out_of_band(shelf.database).sample
    assert (row["library_id"], row["disagreement"], row["notes"]) == (odd, "unknown method", notes)


def put_row(
    shelf: Shelf, table: str, library_id: int, method: str, confidence: float, notes: str | None = None
) -> None:
    source = ("source, external_id, ", "'discogs', '1', ") if table.endswith("source") else ("", "")
    shelf.run(
        f"INSERT INTO {table} (library_id, {source[0]}method, confidence, notes, last_verified_at) "
        f"VALUES (:id, {source[1]}:method, :confidence, :notes, now())",
        id=library_id,
        method=method,
        confidence=confidence,
        notes=notes,
    )


@pytest.mark.parametrize(
    ("source", "column"),
    [("wikidata", "wikidata_qid"), ("spotify", "spotify_id"), ("apple_music", "apple_music_id")],
)
def test_an_id_that_its_source_row_denies_is_named_with_both(shelf: Shelf, source: str, column: str) -> None:
    sound, spoiled = shelf.put(), shelf.put()
    resolve(shelf, justified(sound), justified(spoiled))
    shelf.run(
        "UPDATE library_identity_source SET external_id = 'other' WHERE library_id = :id AND source = :source",
        id=spoiled,
        source=source,
    )
    [main] = shelf.rows("SELECT * FROM library_identity WHERE library_id = :id", id=spoiled)
    [row] = read_without_sources(shelf.database).sample
    assert row["library_id"] == spoiled
    assert row["disagreement"] == f"{column} differs from its source row: {main[column]}, other"


def test_a_row_with_two_ids_denied_is_one_row(shelf: Shelf) -> None:
    library_id = shelf.put()
    resolve(shelf, justified(library_id))
    shelf.run("UPDATE library_identity SET wikidata_qid = 'Q0', spotify_id = 'x'")
    finding = read_without_sources(shelf.database)
    assert (finding.count, named(finding)) == (1, [library_id])
    assert str(finding.sample[0]["disagreement"]).startswith("spotify_id differs")
    assert "; wikidata_qid differs" in str(finding.sample[0]["disagreement"])


def test_a_main_row_whose_verdict_named_no_source_is_named(shelf: Shelf) -> None:
    library_id = shelf.put()
    resolve(shelf, single_artist(library_id, provenance=[]))
    [row] = read_without_sources(shelf.database).sample
    assert (row["library_id"], row["disagreement"]) == (library_id, "no source row")


def test_people_and_other_writers_are_not_asked_for_sources(shelf: Shelf) -> None:
    decided, foreign, mixed = shelf.put(), shelf.put(), shelf.put()
    put_row(shelf, "library_identity", decided, "manual", 1, "consumer:lml-bulk")
    put_row(shelf, "library_identity", foreign, "exact_match", 1, "another writer")
    resolve(shelf, justified(mixed))
    shelf.run(
        "UPDATE library_identity_source SET method = 'manual', external_id = 'mine' WHERE source = 'wikidata'"
    )
    shelf.run(
        "UPDATE library_identity_source SET notes = 'another writer', external_id = 'x' WHERE source = 'spotify'"
    )
    assert read_without_sources(shelf.database).count == 0


@pytest.mark.parametrize(("kind", "days", "offends"), [("single_artist", 2, True), ("unresolved", 2, False)])
def test_asking_again_inside_the_window_of_the_earlier_answer_is_named(
    shelf: Shelf, kind: str, days: int, offends: bool
) -> None:
    shelf.settings = replace(shelf.settings, stale_threshold_days=3, unresolved_retry_days=1)
    asked, renamed = shelf.put("a"), shelf.put("b")
    earlier = justified(asked) if kind == "single_artist" else nothing(asked)
    resolve(shelf, earlier, justified(renamed))
    shelf.age(days=days)
    shelf.run("DELETE FROM library_identity")
    shelf.run("DELETE FROM library_unresolved")
    shelf.run("UPDATE library SET artist_name = 'c' WHERE id = :id", id=renamed)
    resolve(shelf, nothing(asked), nothing(renamed))

    assert named(read_asked_twice(shelf.database, shelf.settings)) == ([asked] if offends else [])


@pytest.mark.parametrize(
    ("set_aside", "hours", "offends"),
    [("whole", 25, False), ("whole", 23, True), ("part", 25, False), ("part", 23, True)],
)
def test_asking_again_after_an_answer_was_set_aside_is_not_twice_once_its_own_window_has_passed(
    shelf: Shelf, set_aside: str, hours: int, offends: bool
) -> None:
    library_id = shelf.put()
    resolve(shelf, single_artist(library_id, confidence=0.2 if set_aside == "whole" else 0.95))
    if set_aside == "part":
        shelf.run("UPDATE lml_verdict_state SET set_aside = '[]'")
    shelf.age(days=2)
    shelf.select()
    shelf.answer(justified(library_id))
    shelf.write()
    assert shelf.outcomes() == {library_id: "resolved"}
    shelf.run(
        "UPDATE lml_verdict SET previous_asked_at = asked_at - make_interval(hours => :hours)", hours=hours
    )
    assert named(read_asked_twice(shelf.database, shelf.settings)) == ([library_id] if offends else [])


@pytest.mark.promise("due")
def test_asking_again_as_soon_as_the_window_has_passed_is_not_twice_also_where_the_clocks_change(
    shelf: Shelf,
) -> None:
    library_id = shelf.put()
    resolve(shelf, justified(library_id))
    seven_days_across_a_change_of_the_clocks = (
        "UPDATE lml_verdict SET previous_kind = 'single_artist', asked_at = '2026-03-10 05:00 UTC', "
        "previous_asked_at = '2026-03-03 05:00 UTC'"
    )
    shelf.run(seven_days_across_a_change_of_the_clocks)
    shelf.run(
        "DO $$ BEGIN EXECUTE format('ALTER DATABASE %I SET timezone = %L', current_database(), "
        "'America/New_York'); END $$"
    )
    with Database(shelf.settings, "in New York") as there:
        assert read_asked_twice(there, shelf.settings).count == 0
        shelf.run("UPDATE lml_verdict SET asked_at = asked_at - interval '1 second'")
        assert named(read_asked_twice(there, shelf.settings)) == [library_id]


def test_rows_that_are_due_again_are_counted_by_reason(shelf: Shelf) -> None:
    renamed, odd, past = shelf.put(), shelf.put(), shelf.put()
    resolve(shelf, justified(renamed), single_artist(odd, confidence=0.2), justified(past))
    shelf.age(days=2)
    shelf.run("UPDATE library SET album_title = 'Second' WHERE id = :id", id=renamed)
    shelf.run(
        "UPDATE library_identity SET last_verified_at = last_verified_at - interval '6 days' WHERE library_id = :id",
        id=past,
    )
    found = stale_of(shelf)
    assert {row["library_id"]: (row["reason"], row["age_days"]) for row in found.finding.sample} == {
        renamed: ("names_changed", 2.0),
        odd: ("invalid_retry_due", 2.0),
        past: ("stale", 8.0),
    }
    assert sum(one.names_changed for one in found.partitions) == 1
    assert sum(one.invalid_retry_due for one in found.partitions) == 1
    assert (found.finding.count, found.held) == (3, 3)


def test_an_identity_that_lml_no_longer_finds_is_named_until_it_is_found_again(shelf: Shelf) -> None:
    withdrawn, standing = shelf.put(), shelf.put()
    resolve(shelf, justified(withdrawn), justified(standing))
    shelf.age(days=8)
    resolve(shelf, nothing(withdrawn), justified(standing))

    [row] = read_withdrawn(shelf.database).sample
    assert row["library_id"] == withdrawn
    assert row["method"] == "cross_source_agreement"
    assert unbalanced(shelf) == {}
    shelf.age(days=8)
    resolve(shelf, justified(withdrawn), justified(standing))
    assert read_withdrawn(shelf.database).count == 0


@pytest.mark.parametrize("changed", ["method = 'manual'", "notes = 'backfill:S1'", "notes = 'backfill:S3'"])
def test_what_a_person_decided_and_what_the_legs_found_is_not_withdrawn(shelf: Shelf, changed: str) -> None:
    library_id = shelf.put()
    resolve(shelf, justified(library_id))
    shelf.age(days=8)
    resolve(shelf, nothing(library_id))
    assert read_withdrawn(shelf.database).count == 1
    shelf.run(f"UPDATE library_identity SET {changed}")
    assert read_withdrawn(shelf.database).count == 0


def test_a_time_in_the_future_is_found_and_one_that_has_come_is_not(shelf: Shelf) -> None:
    ids = stock(shelf)
    assert read_times_in_future(shelf.database, shelf.settings).count == 0
    shelf.run(
        "UPDATE library_identity SET last_verified_at = '2099-01-01' WHERE library_id = :id",
        id=ids["resolved"],
    )
    shelf.run(
        "UPDATE library_unresolved SET attempted_at = '2099-01-02' WHERE library_id = :id",
        id=ids["unresolved"],
    )
    found = read_times_in_future(shelf.database, shelf.settings)
    assert found.count == 2
    assert [(row["library_id"], row["counted_from"], str(row["due_from"])[:10]) for row in found.sample] == [
        (ids["resolved"], "library_identity.last_verified_at", "2099-01-08"),
        (ids["unresolved"], "library_unresolved.attempted_at", "2099-01-09"),
    ]


def test_rows_that_a_fault_set_aside_are_found_with_their_reason_in_their_partition(shelf: Shelf) -> None:
    ids = stock(shelf)
    assert [row["library_id"] for row in read_set_aside(shelf.database, EVERY_BUCKET).sample] == [ids["odd"]]
    outcomes = {"resolved": "lml_error", "unresolved": "writer_error", "odd": "not_asked"}
    for name, outcome in outcomes.items():
        shelf.run(
            "UPDATE candidate_library SET outcome = :outcome, detail = 'why ' || :outcome WHERE library_id = :id",
            outcome=outcome,
            id=ids[name],
        )
    shelf.run(
        "INSERT INTO leg_evidence (library_id, leg, source, external_id, method, confidence, verified_at, run_id, "
        "canonical_entity_id, refused_reason) "
        "VALUES (:id, 'S1', 'discogs_release', '1', 'exact_match', 1, now(), 'run', 'discogs:1', 'no room')",
        id=ids["compilation"],
    )
    found = read_set_aside(shelf.database, EVERY_BUCKET)
    assert found.count == 3
    assert [tuple(row.values()) for row in found.sample] == [
        (ids["resolved"], "lml_error", "why lml_error"),
        (ids["unresolved"], "writer_error", "why writer_error"),
        (ids["compilation"], "leg_refused", "no room"),
    ]
    assert read_set_aside(shelf.database, Buckets(16, (ids["resolved"] % 16,))).count == 1
