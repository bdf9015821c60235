"""Partition keys, buckets and contiguous ranges."""

import itertools

from hypothesis import given
from hypothesis import strategies as st

from identity_assets.partition_keys import all_keys, buckets_of, contiguous_ranges, partition_key
from identity_assets.partitions import library_partitions

KEYS = library_partitions.get_partition_keys()


def test_the_keys_are_the_buckets_in_order() -> None:
    assert KEYS == [
        "00",
        "01",
        "02",
        "03",
        "04",
        "05",
        "06",
        "07",
        "08",
        "09",
        "10",
        "11",
        "12",
        "13",
        "14",
        "15",
    ]
    assert list(all_keys()) == [partition_key(bucket) for bucket in range(16)] == KEYS
    assert buckets_of(["03", "00"]).buckets == (0, 3)


@given(st.sets(st.sampled_from(KEYS)))
def test_ranges_hold_every_key_once_and_are_never_adjacent(keys: set[str]) -> None:
    ranges = contiguous_ranges(keys)
    assert [key for one in ranges for key in one] == sorted(keys)
    for one in ranges:
        assert [int(key) for key in one] == list(range(int(one[0]), int(one[-1]) + 1))
    for left, right in itertools.pairwise(ranges):
        assert int(left[-1]) + 1 < int(right[0])
