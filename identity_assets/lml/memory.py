"""Memory for large bodies goes back to the operating system as soon as a body is read."""

import ctypes
from contextlib import suppress
from functools import cache
from typing import Final

_M_MMAP_THRESHOLD: Final = -3
"""The number of the parameter in glibc's malloc.h."""
_LARGE: Final = 1024 * 1024


@cache
def give_back_large_blocks() -> None:
    """Have the C library map each large block by itself, once for this process.

    By default glibc raises its threshold when a large block is freed. Each thread that has read a large body would
    then keep as much memory for itself. Other C libraries do not have the call and are left as they are.
    """
    with suppress(AttributeError, OSError):
        ctypes.CDLL(None).mallopt(_M_MMAP_THRESHOLD, _LARGE)
