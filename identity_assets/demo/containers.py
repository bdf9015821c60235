"""`python -m identity_assets.demo.containers fill | lml`: the station of the profile `demo` in deploy/compose.yaml.

`fill` makes Backend's tables and an invented catalogue in the database of DATABASE_URL, unless they are there. `lml`
serves the fixture LML for that catalogue on port 8000 of 127.0.0.1.
"""

import sys
import tempfile
from pathlib import Path

from sqlalchemy import inspect

from identity_assets.backend.database import Database
from identity_assets.demo.catalogue import seeded_catalogue
from identity_assets.demo.fixture_lml import __main__ as fixture_lml
from identity_assets.demo.station import fill_backend
from identity_assets.settings import Settings, settings

PORT = 8000


def fill(here: Settings, rows: int | None = None) -> bool:
    """Fill an empty database; whether it was empty. A database that has Backend's schema is left alone."""
    with Database(here, "demo") as database, database.transaction() as connection:
        if here.schema_name in inspect(connection).get_schema_names():
            return False
    fill_backend(here, seeded_catalogue() if rows is None else seeded_catalogue(rows))
    return True


def serve_lml() -> None:
    """Serve until a signal arrives."""
    with tempfile.TemporaryDirectory() as folder:
        known = Path(folder, "known")
        known.write_text("\n".join(sorted(seeded_catalogue().known_artists)), encoding="utf-8")
        fixture_lml.main(["--port", str(PORT), "--known", str(known)])


def main() -> None:
    """Do what the one argument says."""
    match sys.argv[1:]:
        case ["fill"]:
            fill(settings())
        case ["lml"]:
            serve_lml()
        case _:
            sys.exit("this takes one argument: fill or lml")


if __name__ == "__main__":
    main()
