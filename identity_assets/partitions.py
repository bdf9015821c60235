"""The partitions of the graph as Dagster defines them. partition_keys.py has the keys and does not need Dagster."""

from collections.abc import Mapping, Sequence

import dagster as dg

from identity_assets.partition_keys import all_keys

library_partitions = dg.StaticPartitionsDefinition(list(all_keys()))

# One run materialises a whole range of partitions. Every asset of the graph has this policy.
one_run = dg.BackfillPolicy.single_run()


def partitions_in(tags: Mapping[str, str]) -> Sequence[str]:
    """The partitions in the tags of a Dagster run, in order; empty if the run has none, or none of today's."""
    keys = library_partitions.get_partition_keys()
    first = tags.get("dagster/asset_partition_range_start") or tags.get("dagster/partition")
    last = tags.get("dagster/asset_partition_range_end") or first
    return keys[keys.index(first) : keys.index(last) + 1] if first in keys and last in keys else ()
