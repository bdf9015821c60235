"""The catalogue itself, which Backend owns: it stands here so that the lineage begins at its source."""

import dagster as dg

library = dg.AssetSpec(
    "library",
    group_name="backend",
    kinds={"postgres", "table"},
    description=(
        "One row is one release on a shelf. Backend owns this table; nothing here ever writes to it, because "
        "other services cache by its watermark."
    ),
    metadata={"dagster/table_name": "wxyc_schema.library"},
)
