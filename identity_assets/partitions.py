"""The partitions of the graph as Dagster defines them. partition_keys.py has the keys and does not need Dagster."""

import dagster as dg

from identity_assets.partition_keys import all_keys

library_partitions = dg.StaticPartitionsDefinition(list(all_keys()))

# One run materialises a whole range of partitions. Every asset of the graph has this policy.
one_run = dg.BackfillPolicy.single_run()
