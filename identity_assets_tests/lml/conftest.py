"""A real LML on a real socket, and a client whose waits are short enough for tests."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from identity_assets.demo.fixture_lml import FixtureLmlThread
from identity_assets.lml.client import LmlClient

KNOWN = ("Stereolab", "Björk", "The Ex", "Alice Coltrane", "Cluster", "Juana Molina")


@pytest.fixture(scope="session")
def running_lml() -> Iterator[FixtureLmlThread]:
    with FixtureLmlThread(KNOWN) as running:
        yield running


@pytest.fixture
def lml(running_lml: FixtureLmlThread) -> Iterator[FixtureLmlThread]:
    running_lml.faults.clear()
    running_lml.calls.reset()
    yield running_lml
    running_lml.faults.clear()


@pytest.fixture
def client(lml: FixtureLmlThread) -> Iterator[LmlClient]:
    with LmlClient(lml.url, timeout=5, attempts=3, wait_initial=0.001, wait_max=0.01) as patient:
        yield patient
