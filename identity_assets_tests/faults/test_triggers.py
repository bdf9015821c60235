"""Backend's statement triggers: no command sends a statement to `library`, nor one to the credits that changes none.

A trigger of a statement fires even for a statement that changes no row, and other services act on it.
"""

import pytest

from identity_assets.backend.migrate import migrate
from identity_assets_tests.faults.conftest import Stage
from identity_assets_tests.support import Shelf

pytestmark = pytest.mark.long

COUNTED = ("library", "compilation_track_artist", "artists")
DEEDS = (
    *("run", "run of one partition", "replay", "unwind a run", "unwind by notes", "unwind a leg"),
    *("correct", "correct to none", "reject", "reject a source", "accept held answers", "drop held answers"),
    *("migrate", "migrate down"),
)
CHANGE_CREDITS = {"run", "run of one partition", "unwind a run", "unwind by notes"}


def count_statements(shelf: Shelf) -> None:
    """From now on, count every statement that reaches one of these tables."""
    shelf.run("CREATE TABLE public.statement_sent (table_name text)")
    shelf.run(
        "CREATE FUNCTION public.count_statement() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN "
        "INSERT INTO public.statement_sent VALUES (tg_table_name); RETURN NULL; END $$"
    )
    for table in COUNTED:
        shelf.run(
            f"CREATE TRIGGER counted AFTER INSERT OR UPDATE OR DELETE OR TRUNCATE ON {table} "
            "FOR EACH STATEMENT EXECUTE FUNCTION public.count_statement()"
        )


def statements(shelf: Shelf, table: str) -> int:
    return len(shelf.rows("SELECT 1 FROM public.statement_sent WHERE table_name = :table", table=table))


def versions(shelf: Shelf) -> list[int]:
    rows = shelf.rows(
        "SELECT version FROM catalog_watermark UNION ALL SELECT version FROM track_credit_watermark"
    )
    return [row["version"] for row in rows]


def changed_credits(shelf: Shelf) -> int:
    return len(shelf.rows("SELECT 1 FROM changed_row WHERE table_name = 'compilation_track_artist'"))


@pytest.mark.promise("triggers")
@pytest.mark.parametrize("branch", DEEDS)
def test_no_statement_reaches_the_catalogue_and_none_the_credits_without_changing_one(
    stage: Stage, branch: str
) -> None:
    with stage.of(branch) as shelf:
        count_statements(shelf)
        before, credits_before = versions(shelf), changed_credits(shelf)
        deed = stage.deed(branch, shelf)
        ended = stage.victim.run(deed.arguments, deed.env)
        assert ended.code == deed.code, ended.output
        assert statements(shelf, "library") == statements(shelf, "artists") == 0
        assert versions(shelf) == before
        changed = changed_credits(shelf) - credits_before
        assert (changed > 0) is (branch in CHANGE_CREDITS)
        # Several credits go in one statement, and a statement that changes none is not sent.
        assert statements(shelf, "compilation_track_artist") <= changed


@pytest.mark.promise("triggers")
def test_a_second_run_sends_no_statement_to_the_credits(stage: Stage) -> None:
    with stage.copy(stage.templates["written"]) as shelf:
        count_statements(shelf)
        ended = stage.victim.run(["run", "--scope", "full"], stage.env(shelf))
        assert ended.code == 0, ended.output
        assert shelf.rows("SELECT * FROM public.statement_sent") == []


@pytest.mark.promise("triggers")
def test_migrations_down_and_up_send_no_statement_to_the_catalogue(stage: Stage) -> None:
    with stage.copy(stage.templates["written"]) as shelf:
        count_statements(shelf)
        migrate(shelf.database, "base")
        migrate(shelf.database)
        assert shelf.rows("SELECT * FROM public.statement_sent") == []
