"""The commands by which a person decides: `correct` and `reject`. Values are checked before anything is written."""

import getpass
from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING
from uuid import uuid4

import click

from identity_assets.terminal.common import confirmed, json_option, migrated_database, settings_to_write
from identity_assets.terminal.output import FAILED, WRONG, console, print_json, say, say_error, stop
from identity_assets.wording import counted_reasons, number_of

if TYPE_CHECKING:
    from identity_assets.backend.database import Database
    from identity_assets.backend.writing.corrections import Corrected, Problem
    from identity_assets.backend.writing.decisions import Decision, DecisionKind

WHOLE_ARTIST = "Decide alike for all other releases of the artist that no person has decided."

_by = click.option("--by", metavar="NAME", help="Who decides. Default: the login name.")
_note = click.option("--note", metavar="TEXT", help="Why, in a few words; `explain` shows it.")
_yes = click.option("--yes", is_flag=True, help="Do not ask for confirmation.")
_whole_artist = click.option("--whole-artist", is_flag=True, help=WHOLE_ARTIST)
_check = click.option("--check", is_flag=True, help="Check everything and write nothing.")


@click.command()
@click.argument("library_ids", type=click.IntRange(1, 2**31 - 1), nargs=-1, metavar="[LIBRARY_ID]...")
@click.option("--wikidata", metavar="QID", help="Such as Q42.")
@click.option("--spotify", metavar="ID", help="The artist on Spotify.")
@click.option("--apple-music", metavar="ID", help="The artist on Apple Music.")
@click.option("--discogs-artist", "discogs", metavar="NUMBER", help="The artist on Discogs.")
@click.option("--musicbrainz-artist", "musicbrainz", metavar="MBID", help="The artist on MusicBrainz.")
@click.option("--bandcamp", metavar="ID", help="The artist on Bandcamp.")
@click.option("--discogs-release", metavar="NUMBER", help="The release on Discogs.")
@click.option("--discogs-master", metavar="NUMBER", help="The master release on Discogs.")
@click.option("--none", "is_none", is_flag=True, help="No service has an identity for it: never ask again.")
@click.option(
    "--csv",
    "csv_file",
    type=click.Path(path_type=Path, dir_okay=False),
    help="Read decisions from this file, in the columns of `rows --csv`.",
)
@_whole_artist
@_check
@_by
@_note
@_yes
@json_option
def correct(
    library_ids: Sequence[int],
    is_none: bool,
    csv_file: Path | None,
    whole_artist: bool,
    check: bool,
    by: str | None,
    note: str | None,
    yes: bool,
    as_json: bool,
    **ids: str | None,
) -> None:
    """Decide the identity of a library row.

    The ids that are given become its identity, with the method manual, and no run changes it. Ids of the artist that
    are not given are emptied, and so are ids of the release if one is given.
    """
    from identity_assets.backend.writing.decisions import DecisionError, DecisionKind, checked_ids

    given = {source: value for source, value in ids.items() if value is not None}
    if csv_file is not None:
        if library_ids or given or is_none:
            raise click.UsageError("--csv has the library rows and their ids in the file: give no others")
        decisions = _from_sheet(csv_file, by, note)
    else:
        if not library_ids:
            raise click.UsageError("name a library row, or a file with --csv")
        kind = DecisionKind.none if is_none else DecisionKind.correct
        try:
            decisions = _alike(library_ids, kind, checked_ids(ids) or None, None, by, note)
        except DecisionError as error:
            stop(str(error), WRONG)
    _decide("correct", decisions, whole_artist=whole_artist, check=check, yes=yes, as_json=as_json)


@click.command()
@click.argument(
    "library_ids", type=click.IntRange(1, 2**31 - 1), nargs=-1, required=True, metavar="LIBRARY_ID..."
)
@click.option("--source", metavar="SOURCE", help="Only the id of this source is wrong, such as discogs.")
@_whole_artist
@_check
@_by
@_note
@_yes
@json_option
def reject(
    library_ids: Sequence[int],
    source: str | None,
    whole_artist: bool,
    check: bool,
    by: str | None,
    note: str | None,
    yes: bool,
    as_json: bool,
) -> None:
    """Take away an identity that is wrong.

    LML's answer is not written again as long as it names the same identity. Another answer is.
    """
    from identity_assets.backend.writing.decisions import DecisionError, DecisionKind, checked_source

    try:
        chosen = None if source is None else checked_source(source)
        decisions = _alike(library_ids, DecisionKind.reject, None, chosen, by, note)
    except DecisionError as error:
        stop(str(error), WRONG)
    _decide("reject", decisions, whole_artist=whole_artist, check=check, yes=yes, as_json=as_json)


def _alike(
    library_ids: Sequence[int],
    kind: "DecisionKind",
    ids: "dict[str, str] | None",
    source: str | None,
    by: str | None,
    note: str | None,
) -> "list[Decision]":
    """The same decision for each of these library rows; each row once."""
    from identity_assets.backend.writing.decisions import (
        RELEASE_SOURCES,
        Decision,
        DecisionError,
        checked_note,
        checked_person,
    )

    rows = list(dict.fromkeys(library_ids))
    if len(rows) > 1 and ids and ids.keys() & set(RELEASE_SOURCES):
        raise DecisionError("an id of a release belongs to one library row: name one")
    person = checked_person(by if by is not None else _login_name())
    return [Decision(one, kind, person, ids, source, checked_note(note)) for one in rows]


def _login_name() -> str:
    try:
        return getpass.getuser()
    except (KeyError, OSError):
        stop("the login name is not known here: say who decides with --by NAME", WRONG)


def _from_sheet(path: Path, by: str | None, note: str | None) -> "list[Decision]":
    """The decisions of a file. Each bad line is named, and ends the command."""
    from identity_assets.backend.writing.decisions import DecisionError, checked_note, checked_person
    from identity_assets.terminal.decision_sheet import read_sheet

    try:
        person, default_note = checked_person(by if by is not None else _login_name()), checked_note(note)
    except DecisionError as error:
        stop(str(error), WRONG)
    sheet = read_sheet(path, person)
    if sheet.unknown_columns:
        say(f"{path}: columns that are not read: {', '.join(sheet.unknown_columns)}")
    decisions = [line.decision for line in sheet.lines if line.decision is not None]
    with migrated_database(settings_to_write("correct"), "correct") as database:
        from identity_assets.backend.writing.corrections import problems_of

        found = iter(problems_of(database, decisions))
    problems = [
        (line.number, problem)
        for line in sheet.lines
        if (problem := line.problem if line.decision is None else _sentence(next(found))) is not None
    ]
    for number, problem in problems:
        say_error(f"{path}, line {number}: {problem}")
    if problems:
        stop(
            f"{len(problems):,} of {len(sheet.lines):,} decisions cannot be taken: nothing was written", WRONG
        )
    if not decisions:
        stop(f"{path} has no decision: fill in its column `decision`", FAILED)
    kinds = counted_reasons(Counter(str(one.kind) for one in decisions))
    say(
        f"{path}: {number_of(len(decisions), 'decision')} ({kinds}), "
        f"{number_of(sheet.undecided, 'line')} without one"
    )
    return [one if one.note is not None else replace(one, note=default_note) for one in decisions]


def _sentence(problem: "Problem | None") -> str | None:
    return None if problem is None else problem.sentence


def _decide(
    command: str,
    decisions: "list[Decision]",
    *,
    whole_artist: bool,
    check: bool,
    yes: bool,
    as_json: bool,
) -> None:
    """Check the decisions against the tables, ask if they are about more than one library row, and write them."""
    from identity_assets.backend.writing.corrections import Corrected, buckets_with, write_decisions
    from identity_assets.backend.writing.written import Written

    chosen, run_id = settings_to_write(command), str(uuid4())
    with migrated_database(chosen, f"{command} {run_id}") as database:
        decisions = _checked(database, decisions, whole_artist=whole_artist)
        rows = len({one.library_id for one in decisions})
        if check:
            say(f"{_decisions_about(len(decisions), rows)} can be written; nothing was written")
            if as_json:
                print_json({"run_id": None, **Corrected(written=Written(rows=rows)).as_dict()})
            return
        if rows > 1 and not (yes or confirmed(f"Decide {number_of(rows, 'library row')}?")):
            stop("not confirmed: nothing was changed (--yes skips the question)", FAILED)
        with database.partitions_locked(buckets_with(decisions, chosen)):
            done = write_decisions(database, decisions, chosen, run_id)
    _report(run_id, done, as_json=as_json)


def _checked(database: "Database", decisions: "list[Decision]", *, whole_artist: bool) -> "list[Decision]":
    """The decisions that are written; those of the whole artist if that is wanted. One that cannot be stops here."""
    from identity_assets.backend.writing.corrections import for_whole_artists, problems_of
    from identity_assets.backend.writing.decisions import DecisionError

    problems = [one for one in problems_of(database, decisions) if one is not None]
    for problem in problems[:-1]:
        say_error(problem.sentence)
    if problems:
        is_wrong = any(problem.is_wrong for problem in problems)
        stop(f"{problems[-1].sentence}. Nothing was written", WRONG if is_wrong else FAILED)
    if not whole_artist:
        return decisions
    try:
        return for_whole_artists(database, decisions)
    except DecisionError as error:
        stop(f"{error}. Nothing was written", WRONG)


def _decisions_about(decisions: int, rows: int) -> str:
    return f"{number_of(decisions, 'decision')} about {number_of(rows, 'library row')}"


def _report(run_id: str, done: "Corrected", *, as_json: bool) -> None:
    written = done.written
    if as_json:
        print_json({"run_id": run_id if done.has_changed else None, **done.as_dict()})
    elif done.has_changed:
        console().print(
            f"{_decisions_about(done.decisions_written, written.rows)}: "
            f"{number_of(written.main_rows_written, 'main row')} written and {written.main_rows_removed:,} removed, "
            f"{number_of(written.source_rows_written, 'source row')} written and "
            f"{written.source_rows_removed:,} removed",
            highlight=False,
            soft_wrap=True,
        )
    if done.has_changed:
        taken = "the decision" if done.decisions_written else "this"
        say(f"`identity-assets unwind --run {run_id}` takes {taken} back")
    else:
        say("the same was decided before: nothing was changed")
