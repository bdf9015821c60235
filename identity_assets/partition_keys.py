"""The keys of the partitions: static hash buckets of library rows, `library_id % LIBRARY_PARTITIONS`.

This module does not import Dagster, so commands that do not need Dagster start fast. Dagster's definition is in
partitions.py. Importing the module reads no setting: an invalid one stops a command with one line.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from identity_assets.errors import OperatorError
from identity_assets.settings import settings


class UnknownPartitionError(OperatorError):
    """There is no partition with this key."""

    exit_code = 2


@dataclass(frozen=True)
class Buckets:
    """The partitions that a step works on: library rows with `id % partitions` in `buckets`."""

    partitions: int
    buckets: tuple[int, ...]

    def params(self) -> dict[str, Any]:
        """The bind parameters `partitions` and `buckets` of every partitioned statement."""
        return {"partitions": self.partitions, "buckets": list(self.buckets)}


def partition_key(bucket: int) -> str:
    """The key of a bucket, such as `03`."""
    width = max(2, len(str(settings().library_partitions - 1)))
    return f"{bucket:0{width}d}"


def all_keys() -> tuple[str, ...]:
    """The keys of all partitions, in order."""
    return tuple(partition_key(bucket) for bucket in range(settings().library_partitions))


def known_keys(named: Sequence[str]) -> Sequence[str]:
    """The keys in `named`, or all keys if `named` is empty.

    Raises:
        UnknownPartitionError: one of the keys does not exist.
    """
    keys = all_keys()
    if unknown := [key for key in named if key not in keys]:
        raise UnknownPartitionError(
            f"there is no partition {', '.join(unknown)}: they are {keys[0]} to {keys[-1]}"
        )
    return named or keys


def buckets_of(partition_keys: Iterable[str]) -> Buckets:
    """The buckets of these partition keys, sorted."""
    return Buckets(settings().library_partitions, tuple(sorted(int(key) for key in partition_keys)))


def keys_in_words(partition_keys: Sequence[str]) -> str:
    """A key, or the first and the last of several: `00 to 15`."""
    return f"{partition_keys[0]} to {partition_keys[-1]}" if len(partition_keys) > 1 else partition_keys[0]


def keys_of_words(words: str) -> Sequence[str]:
    """The keys that `keys_in_words` wrote. Empty if one of them does not exist any more."""
    first, _, last = words.partition(" to ")
    return _keys_between(first, last or first)


def range_tags(partition_keys: Sequence[str]) -> dict[str, str]:
    """The tags that make a Dagster run work on a contiguous range of partitions."""
    return {
        "dagster/asset_partition_range_start": partition_keys[0],
        "dagster/asset_partition_range_end": partition_keys[-1],
    }


def contiguous_ranges(partition_keys: Iterable[str]) -> list[Sequence[str]]:
    """The keys grouped into ranges of neighbours, because one Dagster run works on one range."""
    ranges: list[list[str]] = []
    for key in sorted(set(partition_keys)):
        if ranges and int(ranges[-1][-1]) + 1 == int(key):
            ranges[-1].append(key)
        else:
            ranges.append([key])
    return [tuple(keys) for keys in ranges]


def partitions_of_run(tags: Mapping[str, str]) -> list[str]:
    """The partitions that the tags of a Dagster run name. Keys that do not exist any more are left out."""
    first = tags.get("dagster/asset_partition_range_start") or tags.get("dagster/partition")
    last = tags.get("dagster/asset_partition_range_end") or first
    return list(_keys_between(first, last))


def _keys_between(first: str | None, last: str | None) -> Sequence[str]:
    keys = all_keys()
    if first not in keys or last not in keys:
        return ()
    return keys[keys.index(first) : keys.index(last) + 1]
