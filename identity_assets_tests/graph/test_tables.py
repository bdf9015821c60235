"""The columns that the UI shows of each table are those of the database."""

from collections.abc import Mapping

import dagster as dg
import pytest

from identity_assets.assets import tables
from identity_assets.assets.tables import TableArguments
from identity_assets_tests.legs.support import Cache
from identity_assets_tests.support import Shelf

TABLES: Mapping[str, TableArguments] = {
    "LIBRARY": tables.LIBRARY,
    "CANDIDATE_LIBRARIES": tables.CANDIDATE_LIBRARIES,
    "LML_VERDICTS": tables.LML_VERDICTS,
    "LEG_EVIDENCE": tables.LEG_EVIDENCE,
    "FLOWSHEET_MATCH": tables.FLOWSHEET_MATCH,
    "LIBRARY_IDENTITY_SOURCE": tables.LIBRARY_IDENTITY_SOURCE,
    "LIBRARY_IDENTITY": tables.LIBRARY_IDENTITY,
    "COMPILATION_TRACK_IDENTITY": tables.COMPILATION_TRACK_IDENTITY,
    "LIBRARY_UNRESOLVED": tables.LIBRARY_UNRESOLVED,
}
COLUMNS = """
SELECT column_name AS name, data_type AS type FROM information_schema.columns
WHERE table_schema || '.' || table_name = :name ORDER BY ordinal_position
"""
SHORT_TYPES = {"timestamp with time zone": "timestamptz", "character varying": "varchar"}


@pytest.mark.parametrize("name", TABLES)
def test_the_columns_of_an_asset_are_those_of_its_table(shelf: Shelf, cache: Cache, name: str) -> None:
    metadata = TABLES[name]["metadata"]
    schema = metadata["dagster/column_schema"]
    assert isinstance(schema, dg.TableSchema)
    query = COLUMNS.replace(":name", f"'{metadata['dagster/table_name']}'")
    rows = cache.rows(query) if name == "FLOWSHEET_MATCH" else shelf.rows(query)
    assert [(column.name, column.type) for column in schema.columns] == [
        (row["name"], SHORT_TYPES.get(row["type"], row["type"])) for row in rows
    ]


def test_every_column_has_a_description() -> None:
    for arguments in TABLES.values():
        schema = arguments["metadata"]["dagster/column_schema"]
        assert isinstance(schema, dg.TableSchema)
        assert [column.name for column in schema.columns if not column.description] == []


def test_no_table_is_left_out() -> None:
    assert [name for name in vars(tables) if isinstance(vars(tables)[name], dict) and name.isupper()] == [
        "SHARED_COLUMNS",
        *TABLES,
    ]
