"""The list of library rows, read while the library changes. What is listed is in terminal/test_rows_command.py."""

import pytest

from identity_assets.backend.reports import rows as report
from identity_assets.backend.reports.rows import ListedRow, RowFilter, RowState, all_rows
from identity_assets_tests.support import Shelf, single_artist


def test_a_list_is_of_one_moment_whatever_is_written_while_it_is_read(
    shelf: Shelf, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(report, "FETCHED_ROWS", 1)
    first, second, third = shelf.put_many(["Anna", "Bea", "Cleo"])

    def due() -> list[ListedRow]:
        return list(all_rows(shelf.database, shelf.settings, RowFilter(RowState.due), after=0, limit=None))

    whole = due()
    listing = all_rows(shelf.database, shelf.settings, RowFilter(RowState.due), after=0, limit=None)
    begun = [next(listing)]
    shelf.select()
    shelf.answer(*map(single_artist, (first, second)))
    shelf.write()
    shelf.delete_release(third)
    shelf.put("Dora")
    assert [*begun, *listing] == whole
    assert [one.library_id for one in whole] == [first, second, third]
    assert [one.artist_name for one in due()] == ["Dora"]
