"""An LML that answers docs/rules.md's contract over real HTTP. The tests run it in a thread, the demo in a process.

`composer` and `tracks` make the answers, `faults` and `capacity` spoil and slow them, `app` is the HTTP interface,
`server` runs it. Its verdict on a release depends on the artist's name alone.
"""

from identity_assets.demo.fixture_lml.capacity import Capacity
from identity_assets.demo.fixture_lml.faults import Fault, FaultKind
from identity_assets.demo.fixture_lml.server import FixtureLmlProcess, FixtureLmlThread
from identity_assets.demo.fixture_lml.tracks import TrackSettings, TrackState
from identity_assets.demo.fixture_lml.wire import ENDPOINT

__all__ = [
    "ENDPOINT",
    "Capacity",
    "Fault",
    "FaultKind",
    "FixtureLmlProcess",
    "FixtureLmlThread",
    "TrackSettings",
    "TrackState",
]
