"""What the writer wrote, in rows, by partition. The records that its stages have in common.

How rows are written belongs in verdicts.py and legs.py.
"""

from dataclasses import dataclass, fields


@dataclass(frozen=True)
class Written:
    """What was written, in rows of the tables named; `rows` counts the library rows that were dealt with.

    `rows_refused` of them were set aside because the database refused them; `rows_renamed` and `rows_gone` because
    their names changed, or Backend deleted them, after LML was asked.
    `leg_rows_outdated` changed after a leg read them, so its evidence wrote nothing new.
    `track_rows_*` count what became of the credits that resolved compilations list, each once: track_links.sql in
    functions/ defines them. `track_rows_invalid` counts entries that were set aside.
    """

    rows: int = 0
    rows_refused: int = 0
    rows_renamed: int = 0
    rows_gone: int = 0
    main_rows_written: int = 0
    source_rows_written: int = 0
    source_rows_removed: int = 0
    source_rows_skipped_null_confidence: int = 0
    history_rows_written: int = 0
    sidecar_rows_written: int = 0
    main_rows_removed: int = 0
    leg_rows_refused: int = 0
    leg_rows_outdated: int = 0
    track_rows_written: int = 0
    track_rows_unchanged: int = 0
    track_rows_librarian: int = 0
    track_rows_no_credit: int = 0
    track_rows_no_catalogue_artist: int = 0
    track_rows_ambiguous_artist: int = 0
    track_rows_invalid: int = 0
    track_rows_unresolved: int = 0
    track_links_removed: int = 0
    positions_written: int = 0
    positions_ambiguous: int = 0
    track_source_rows_written: int = 0
    track_source_rows_removed: int = 0

    def __add__(self, other: "Written") -> "Written":
        return Written(
            **{one.name: getattr(self, one.name) + getattr(other, one.name) for one in fields(self)}
        )


class WrittenByBucket(dict[int, Written]):
    """What was written, by partition."""

    def __add__(self, other: "WrittenByBucket") -> "WrittenByBucket":
        return WrittenByBucket(
            {
                bucket: self.get(bucket, Written()) + other.get(bucket, Written())
                for bucket in {**self, **other}
            }
        )

    def total(self) -> Written:
        """What was written in all partitions."""
        return sum(self.values(), Written())
