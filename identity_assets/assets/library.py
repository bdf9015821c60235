"""The asset `library`: Backend's catalogue, where the lineage begins."""

import dagster as dg

from identity_assets.assets.tables import LIBRARY

library = dg.AssetSpec(
    "library",
    description=(
        "One row is one release on a shelf. Backend owns this table. This graph never writes to it, because other "
        "services cache by its watermark."
    ),
    **LIBRARY,
)
