"""The catalogue itself, which Backend owns: it stands here so that the lineage begins at its source."""

import dagster as dg

from identity_assets.assets.tables import LIBRARY

library = dg.AssetSpec(
    "library",
    description=(
        "One row is one release on a shelf. Backend owns this table; nothing here ever writes to it, because "
        "other services cache by its watermark."
    ),
    **LIBRARY,
)
