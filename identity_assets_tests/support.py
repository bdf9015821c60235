"""A small library for a test: rows put on its shelf, verdicts stored for them, tables read back."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from typing import Any

import orjson
from sqlalchemy import Engine, event, text

from identity_assets.backend.database import Database
from identity_assets.backend.ledger.candidates import select_candidates
from identity_assets.backend.ledger.verdicts import store_asked
from identity_assets.backend.writing.verdicts import write_verdicts
from identity_assets.backend.writing.written import Written
from identity_assets.lml.asking import Asked
from identity_assets.lml.contract import Answer, parse_answer
from identity_assets.partition_keys import Buckets
from identity_assets.settings import Scope, Settings

EVERY_BUCKET = Buckets(16, tuple(range(16)))

# Ends the session that holds the locks of the partitions. Those with a share of them go on.
END_THE_HOLDER = """
SELECT pg_terminate_backend(pid)
FROM pg_locks
WHERE locktype = 'advisory' AND objsubid = 2 AND mode = 'ExclusiveLock'
  AND database = (SELECT oid FROM pg_database WHERE datname = current_database())
"""


@contextmanager
def before_each_statement(listen: Callable[..., None]) -> Iterator[None]:
    """Call `listen` with what SQLAlchemy's event before_cursor_execute has, for every engine of the process."""
    event.listen(Engine, "before_cursor_execute", listen)
    try:
        yield
    finally:
        event.remove(Engine, "before_cursor_execute", listen)


@contextmanager
def statements_sent() -> Iterator[list[str]]:
    """The statements that are sent inside the block, in order."""
    sent: list[str] = []

    def note(_connection: object, _cursor: object, statement: str, *_rest: object) -> None:
        sent.append(statement)

    with before_each_statement(note):
        yield sent


def single_artist(library_id: int, **changes: Any) -> dict[str, Any]:
    """A result of LML for one artist, as it is on the wire."""
    result = {
        "library_id": library_id,
        "kind": "single_artist",
        "main": {"wikidata_qid": f"Q{library_id}", "spotify_artist_id": "sp", "apple_music_artist_id": "am"},
        "method": "cross_source_agreement",
        "confidence": 0.95,
        "provenance": [
            provenance("discogs", "exact_match", 1.0, f"d{library_id}"),
            provenance("musicbrainz", "trigram", 0.95, f"m{library_id}"),
        ],
    }
    return {**result, **changes}


def provenance(source: str, method: str, confidence: float | None, external_id: str | None) -> dict[str, Any]:
    """One entry of a result's provenance."""
    return {"source": source, "method": method, "confidence": confidence, "external_id": external_id}


def nothing(library_id: int, kind: str = "unresolved") -> dict[str, Any]:
    """A result that names nobody: `unresolved`, or `compilation`."""
    return {
        "library_id": library_id,
        "kind": kind,
        "main": None,
        "method": None,
        "confidence": None,
        "provenance": [],
    }


@dataclass
class Shelf:
    """Backend's tables and ours in a database of one test."""

    settings: Settings
    database: Database
    legacy_ids: int = field(default=0)

    def put(
        self,
        artist: str | None = "Anna Nyberg",
        title: str = "First",
        *,
        canonical: str | None = "discogs:1",
        volume: str | None = None,
        artist_id: int = 1,
    ) -> int:
        """Put one release on the shelf; its library_id."""
        self.legacy_ids += 1
        self.run(
            "INSERT INTO artists (id, artist_name) VALUES (:id, 'x') ON CONFLICT DO NOTHING", id=artist_id
        )
        rows = self.rows(
            "INSERT INTO library (artist_id, artist_name, album_title, legacy_release_id, code_volume_letters, "
            "canonical_entity_id) VALUES (:artist_id, :artist, :title, :legacy, :volume, :canonical) RETURNING id",
            artist_id=artist_id,
            artist=artist,
            title=title,
            legacy=self.legacy_ids,
            volume=volume,
            canonical=canonical,
        )
        return int(rows[0]["id"])

    def put_many(self, artists: Sequence[str | None], **kwargs: Any) -> list[int]:
        """Put a release of each of these artists on the shelf."""
        return [self.put(artist, f"Album {number}", **kwargs) for number, artist in enumerate(artists)]

    def rows(self, sql: str, **params: Any) -> list[dict[str, Any]]:
        """What a query, or a statement that returns rows, gives."""
        with self.database.transaction() as connection:
            return [dict(row) for row in connection.execute(text(sql), params).mappings()]

    def delete_release(self, library_id: int) -> None:
        """Delete the release as Backend does: its identity rows first, then the library row."""
        for table in ("library_identity_source", "library_identity", "library_identity_history"):
            self.run(f"DELETE FROM {table} WHERE library_id = :id", id=library_id)
        self.run("DELETE FROM library WHERE id = :id", id=library_id)

    def run(self, sql: str, **params: Any) -> int:
        """Run a statement; how many rows it touched."""
        with self.database.transaction() as connection:
            return int(connection.execute(text(sql), params).rowcount)

    def select(self, scope: Scope = Scope.full, buckets: Buckets = EVERY_BUCKET, run_id: str = "run") -> int:
        """Begin a pass; how many rows were selected."""
        selected = select_candidates(self.database, buckets, self.settings, scope, run_id)
        return sum(one.rows for one in selected)

    def answer(
        self,
        *results: Mapping[str, Any],
        run_id: str = "run",
        include_tracks: bool = True,
        version: int | None = 1,
    ) -> Answer:
        """Store these results of LML for the rows that they name; `version` is the tracks_contract_version."""
        answer = parse_answer(
            orjson.dumps({"results": results, "tracks_contract_version": version}),
            [result["library_id"] for result in results],
        )
        store_asked(self.database, Asked(answer.verdicts, {}, 0, 0, include_tracks=include_tracks), run_id)
        return answer

    def write(self, chunk_rows: int = 100, run_id: str = "run") -> Written:
        """Write what is answered and not written yet, in the name of a run."""
        chosen = replace(self.settings, writer_chunk_rows=chunk_rows)
        written = write_verdicts(self.database, EVERY_BUCKET, chosen, run_id)
        return sum(written.values(), Written())

    def empty(self) -> None:
        """Take everything off the shelf again, for the next example of a property test."""
        self.run(
            "TRUNCATE artists, library, library_unresolved, library_identity_history, candidate_library, "
            "lml_verdict, lml_verdict_state, lml_verdict_history, journal_chunk, journal_image, leg_evidence, "
            "leg_gathered, leg_filled, correction, library_track_identity_source CASCADE"
        )

    def fault(self, table: str, body: str) -> None:
        """From now on, writing a row of this table runs this PL/pgSQL first."""
        self.run(
            f"CREATE FUNCTION fault_{table}() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN {body}; "
            "RETURN NEW; END $$"
        )
        self.run(
            f"CREATE TRIGGER fault BEFORE INSERT OR UPDATE ON {table} "
            f"FOR EACH ROW EXECUTE FUNCTION fault_{table}()"
        )

    def mend(self, table: str) -> None:
        """Take the fault away again."""
        self.run(f"DROP FUNCTION fault_{table}() CASCADE")

    def outcomes(self) -> dict[int, str | None]:
        """The ledger: each row's outcome."""
        rows = self.rows("SELECT library_id, outcome FROM candidate_library ORDER BY library_id")
        return {row["library_id"]: row["outcome"] for row in rows}

    def tables(self) -> dict[str, list[dict[str, Any]]]:
        """All identity tables, without what depends on when a test ran."""
        queries = {
            "main": "SELECT * FROM library_identity ORDER BY library_id",
            "source": "SELECT * FROM library_identity_source ORDER BY library_id, source",
            "history": "SELECT * FROM library_identity_history ORDER BY library_id, history_id",
            "sidecar": "SELECT * FROM library_unresolved ORDER BY library_id",
            "ledger": "SELECT library_id, cohort, reason, outcome FROM candidate_library ORDER BY library_id",
        }
        timed = {
            "last_verified_at",
            "superseded_at",
            "attempted_at",
            "first_attempted_at",
            "run_id",
            "history_id",
        }
        return {
            name: [{key: value for key, value in row.items() if key not in timed} for row in self.rows(query)]
            for name, query in queries.items()
        }

    def age(self, days: float) -> None:
        """Let this many days pass for everything that was written."""
        for table, column in (
            ("library_identity", "last_verified_at"),
            ("library_identity_source", "last_verified_at"),
            ("library_unresolved", "attempted_at"),
            ("lml_verdict", "asked_at"),
            ("lml_verdict_state", "asked_at"),
        ):
            self.run(
                f"UPDATE {table} SET {column} = {column} - make_interval(secs => :secs)", secs=days * 86400
            )
