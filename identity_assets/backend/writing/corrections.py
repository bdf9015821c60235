"""People's decisions become main rows, source rows and rejections, a range of library rows a transaction.

What a decision may say is checked here against what stands; its values are checked in decisions.py.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Any

import orjson
from sqlalchemy import Connection, TextClause

from identity_assets.backend.database import HASH_JOINS, Database, DatabaseError, execute
from identity_assets.backend.writing.chunks import Range, Stage, write_ranges
from identity_assets.backend.writing.decisions import RELEASE_SOURCES, Decision, DecisionError, DecisionKind
from identity_assets.backend.writing.legs import recompose
from identity_assets.backend.writing.written import Written
from identity_assets.partition_keys import Buckets
from identity_assets.postgres import statements
from identity_assets.settings import Settings

CORRECTION = "correction"
"""The reason in history for a main row that a decision replaces or removes."""

_sql = statements(__file__)


@dataclass(frozen=True)
class Corrected:
    """What became of decisions: how many are new or changed, and what was written, in rows of each table."""

    decisions_written: int = 0
    written: Written = field(default_factory=Written)

    def __add__(self, other: "Corrected") -> "Corrected":
        return Corrected(self.decisions_written + other.decisions_written, self.written + other.written)

    @property
    def has_changed(self) -> bool:
        """Whether anything was written. A decision that stands is written again if somebody changed the identity."""
        return any(count for name, count in self.as_dict().items() if name != "rows")

    def as_dict(self) -> dict[str, int]:
        """The figures of `correct --json` and `reject --json`."""
        names = (
            "rows",
            "main_rows_written",
            "main_rows_removed",
            "source_rows_written",
            "source_rows_removed",
        )
        return {
            "decisions_written": self.decisions_written,
            **{name: getattr(self.written, name) for name in (*names, "history_rows_written")},
        }


@dataclass(frozen=True)
class _Facts:
    """What stands of one library row (decision_facts.sql)."""

    library_id: int
    artist_id: int
    artist_name: str | None
    album_title: str
    is_manual: bool
    has_identity: bool
    named_ids: Mapping[str, str]
    rejected_ids: Mapping[str, Mapping[str, str]]

    def stands(self, source: str | None) -> bool:
        """Whether there is something to reject: an id of this source, or for None an identity."""
        return self.has_identity if source is None else source in self.named_ids

    def rejectable(self, source: str | None) -> Mapping[str, str] | None:
        """The ids that a rejection without ids means: those that stand, else those of the last such rejection."""
        if not self.stands(source):
            return self.rejected_ids.get(source or "")
        return self.named_ids if source is None else {source: self.named_ids[source]}


@dataclass(frozen=True)
class Problem:
    """Why a decision cannot be written. `is_wrong`: the decision is not valid; otherwise there is nothing to do."""

    sentence: str
    is_wrong: bool = True


def problems_of(database: Database, decisions: Sequence[Decision]) -> list[Problem | None]:
    """Why each of these decisions cannot be written; None if it can. Nothing is written."""
    facts = _read_facts(database, {one.library_id for one in decisions})
    return [_problem(one, facts.get(one.library_id)) for one in decisions]


def for_whole_artists(database: Database, decisions: Sequence[Decision]) -> list[Decision]:
    """The decisions, and each again for all other releases of its artist that no person has decided.

    A rejection without ids becomes one of the ids that stand of its own library row. A release that has a decision
    of its own among the given ones is left at that.

    Raises:
        DecisionError: two decisions about one artist differ, or one names ids of a single release.
    """
    facts = _read_facts(database, {one.library_id for one in decisions})
    by_artist: dict[int, Decision] = {}
    for one in decisions:
        if one.ids and one.ids.keys() & set(RELEASE_SOURCES):
            raise DecisionError(
                f"library row {one.library_id}: the id of a release cannot be given to all releases of an artist"
            )
        known = facts[one.library_id]
        shared = _without_place(one, known)
        if by_artist.setdefault(known.artist_id, shared) != shared:
            raise DecisionError(
                f"library row {one.library_id}: artist {known.artist_id} is decided in two ways; decide it once"
            )
    with database.transaction() as connection:
        found = execute(connection, _sql("artist_releases.sql"), artist_ids=list(by_artist)).all()
    own = {one.library_id for one in decisions}
    return [
        *decisions,
        *(
            replace(by_artist[row.artist_id], library_id=row.library_id)
            for row in found
            if row.library_id not in own
        ),
    ]


def _without_place(one: Decision, known: _Facts) -> Decision:
    """The decision as it is given to the other releases of the artist."""
    ids = one.ids
    if one.kind is DecisionKind.reject and ids is None:
        named = known.rejectable(one.source) or {}
        ids = {source: value for source, value in named.items() if source not in RELEASE_SOURCES}
    return replace(one, library_id=0, ids=ids, artist_name=None, album_title=None)


def write_decisions(
    database: Database, decisions: Sequence[Decision], settings: Settings, run_id: str
) -> Corrected:
    """Write these decisions, which have no problem, in the name of `run_id`. The caller holds their partitions.

    The main row of a corrected library row and its source rows get the method `manual`; what is rejected, and all of
    a library row that has no identity, is removed. What the legs find is written anew at once, as the next run
    would do it: otherwise the decision alone could not be taken back after that run. A decision that stands already
    changes nothing.

    Raises:
        DatabaseError: the database refuses a row, or went away. What was committed stands, and can be taken back.
    """
    facts = _read_facts(database, {one.library_id for one in decisions})
    by_row: dict[int, list[Decision]] = {}
    for one in decisions:
        by_row.setdefault(one.library_id, []).append(_repeated(one, facts.get(one.library_id)))
    ids = sorted(by_row)

    def write(connection: Connection, one: Range) -> Corrected:
        chosen = [
            decision.as_row()
            for library_id in ids
            if one.first_id <= library_id <= one.last_id
            for decision in by_row[library_id]
        ]
        return _write(connection, one, chosen, run_id)

    rows = settings.writer_chunk_rows
    ranges = [Range(page[0], page[-1]) for page in (ids[at : at + rows] for at in range(0, len(ids), rows))]
    stage = Stage(write, partial(_refuse, run_id))
    return sum(write_ranges(database, ranges, stage, connections=1), Corrected())


def _repeated(one: Decision, known: _Facts | None) -> Decision:
    """A rejection of what stands, where it was rejected already: the same one again, so that nothing is changed."""
    if (
        known is None
        or one.kind is not DecisionKind.reject
        or one.ids is not None
        or known.stands(one.source)
    ):
        return one
    return replace(one, ids=known.rejectable(one.source))


def _write(
    connection: Connection, one: Range, decisions: Sequence[Mapping[str, Any]], run_id: str
) -> Corrected:
    execute(connection, HASH_JOINS)
    execute(
        connection, _sql("stage_decisions.sql"), **one.params(), decisions=orjson.dumps(decisions).decode()
    )
    execute(connection, _sql("stage_corrected.sql"), **one.params())
    corrected = Corrected()
    for statement in (
        _sql("write_corrected_main_rows.sql"),
        _sql("write_corrected_source_rows.sql"),
        _sql("write_corrections.sql"),
    ):
        corrected += _counts(connection, statement, one, run_id)
    of_legs = list(execute(connection, _sql("corrected_leg_rows.sql")).scalars())
    composed = recompose(connection, of_legs, run_id, CORRECTION)
    main_rows = execute(connection, _sql("count_corrected_main_rows.sql"), **one.params()).mappings().one()
    return replace(corrected, written=replace(corrected.written + composed, **main_rows))


def _counts(connection: Connection, statement: TextClause, one: Range, run_id: str) -> Corrected:
    params = {**one.params(), "run_id": run_id, "reason": CORRECTION}
    row = dict(execute(connection, statement, **params).mappings().one())
    return Corrected(row.pop("decisions_written", 0), Written(**row))


def _refuse(run_id: str, _connection: Connection, library_id: int, reason: str) -> Corrected:
    raise DatabaseError(
        f"the database refused the decision about library row {library_id}: {reason}. What was committed stands; "
        f"`identity-assets unwind --run {run_id}` takes it back"
    )


def buckets_with(decisions: Iterable[Decision], settings: Settings) -> Buckets:
    """The partitions of the library rows that these decisions are about."""
    count = settings.library_partitions
    return Buckets(count, tuple(sorted({one.library_id % count for one in decisions})))


def _read_facts(database: Database, library_ids: Iterable[int]) -> dict[int, _Facts]:
    with database.transaction() as connection:
        found = execute(connection, _sql("decision_facts.sql"), library_ids=sorted(library_ids)).mappings()
        return {row["library_id"]: _Facts(**row) for row in found}


def _problem(one: Decision, known: _Facts | None) -> Problem | None:
    if known is None:
        return Problem(f"there is no library row {one.library_id}")
    return _other_release(one, known) or (
        _nothing_to_reject(one, known) if one.kind is DecisionKind.reject and one.ids is None else None
    )


def _other_release(one: Decision, known: _Facts) -> Problem | None:
    for name, given, stands in (
        ("artist", one.artist_name, known.artist_name),
        ("title", one.album_title, known.album_title),
    ):
        if given is not None and given.strip() != (stands or "").strip():
            return Problem(
                f"the {name} of library row {one.library_id} is {stands!r} and not {given!r}: mend the id, or leave "
                "the name empty"
            )
    return None


def _nothing_to_reject(one: Decision, known: _Facts) -> Problem | None:
    if known.rejectable(one.source) is None and not known.has_identity:
        return Problem(f"library row {one.library_id} has no identity to reject", is_wrong=False)
    if one.source is None:
        return None
    if known.is_manual:
        return Problem(
            f"library row {one.library_id} is a person's decision: `identity-assets correct` replaces it, and "
            "`reject` without a source takes it away"
        )
    if known.rejectable(one.source) is None:
        return Problem(
            f"library row {one.library_id} has no id of the source {one.source} to reject", is_wrong=False
        )
    return None
