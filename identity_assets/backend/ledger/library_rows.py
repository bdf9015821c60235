"""Library rows that a person names by their ids: whether they exist."""

from collections.abc import Sequence

from identity_assets.backend.database import Database, execute
from identity_assets.errors import OperatorError
from identity_assets.postgres import statements

_sql = statements(__file__)


class UnknownLibraryRowError(OperatorError):
    """There is no library row with this id."""

    exit_code = 2


def require_library_rows(database: Database, library_ids: Sequence[int]) -> None:
    """Look whether all of these are library rows.

    Raises:
        UnknownLibraryRowError: it names the first one that is not.
    """
    with database.transaction() as connection:
        missing = execute(
            connection, _sql("missing_library_rows.sql"), library_ids=list(library_ids)
        ).scalars()
        for library_id in missing:
            raise UnknownLibraryRowError(f"there is no library row {library_id}: nothing was done")
