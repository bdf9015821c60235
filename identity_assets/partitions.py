"""The one partitioning of the graph, as Dagster has it; the keys themselves are in partition_keys.py."""

import dagster as dg

from identity_assets.partition_keys import KEYS

library_partitions = dg.StaticPartitionsDefinition(list(KEYS))

# A backfill of a contiguous range is one run; every asset of the graph has this policy.
one_run = dg.BackfillPolicy.single_run()
