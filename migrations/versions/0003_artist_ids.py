"""LML's artist ids that had no column on the main row: nullable, and so nothing that Backend need notice.

The history table has the same value columns as the main row, and gets them too. The writer fills them where they
stand, and works where they do not.
"""

from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None

TABLES = ("library_identity", "library_identity_history")
COLUMNS = (("discogs_artist_id", "integer"), ("musicbrainz_artist_id", "text"), ("bandcamp_id", "text"))


def upgrade() -> None:
    for table in TABLES:
        added = ", ".join(f"ADD COLUMN IF NOT EXISTS {name} {kind}" for name, kind in COLUMNS)
        op.execute(f"ALTER TABLE {table} {added}")


def downgrade() -> None:
    for table in TABLES:
        dropped = ", ".join(f"DROP COLUMN IF EXISTS {name}" for name, _ in COLUMNS)
        op.execute(f"ALTER TABLE {table} {dropped}")
