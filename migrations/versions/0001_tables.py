"""This project's own tables, and three columns on Backend's main row and its history.

A revision holds tables, indexes and constraints only: `migrate` makes the functions and views again after it.
Names without a schema stand in Backend's schema, which is first on the connection's search_path.
"""

from pathlib import Path

from alembic import op

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None


def _run(name: str) -> None:
    op.execute(Path(__file__).with_name(name).read_text(encoding="utf-8"))


def upgrade() -> None:
    _run("0001_tables_up.sql")


def downgrade() -> None:
    _run("0001_tables_down.sql")
