"""The tracks of a compilation: which state its pair has, and the entries. The same question gets the same answer.

`credits_of` lists who plays on a release. The demo's library can store a part of that list as Backend's credits,
so that the answers of this fixture match them.
"""

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from hashlib import blake2b
from math import exp, log, sqrt
from pathlib import Path
from statistics import NormalDist
from typing import Any, Final, Literal

import orjson

from identity_assets.demo.fixture_lml.evidence import track_row
from identity_assets.demo.fixture_lml.wire import TRACKS_CONTRACT_VERSION, Question

TrackState = Literal["not_visited", "nothing_found", "resolved", "attempted_lost"]
"""The states of an answer that has tracks. The fifth state of docs/rules.md is the question without `include_tracks`.

| state            | tracks_attempted | tracks    |
| `not_visited`    | false            | []        |
| `nothing_found`  | true             | []        |
| `resolved`       | true             | [entries] |
| `attempted_lost` | false            | [entries] |
"""

# Of 100 releases, the first number below which the hash falls gives the state.
_STATES: Final[tuple[tuple[int, TrackState], ...]] = (
    (78, "resolved"),
    (90, "not_visited"),
    (98, "nothing_found"),
    (100, "attempted_lost"),
)
_SIDES: Final = "ABCD"
_OWN_ARTISTS: Final = 0.75
_UNTITLED_ONE_IN: Final = 40
_UNRESOLVED_ONE_IN: Final = 5
_REPEATED_ONE_IN: Final = 60
_OUT_OF_BAND_ONE_IN: Final = 400
_NORMAL: Final = NormalDist()


@dataclass(frozen=True)
class TrackSizes:
    """How many credits a release has. The counts follow a lognormal curve with this mean and 99th percentile.

    The defaults are the published figures. `most` cuts the curve off. Raises ValueError for figures that no such
    curve has: `p99` must lie above `mean`, and below about 14 times `mean`.
    """

    mean: float = 56.0
    p99: float = 483.0
    most: int = 2_364
    _curve: NormalDist = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "_curve", _log_curve(self.mean, self.p99))

    def credits(self, share: float) -> int:
        """The number of credits of the release that stands at this share, in (0, 1), of all releases by size."""
        size = self._curve.mean + self._curve.stdev * _NORMAL.inv_cdf(share)
        return min(self.most, max(1, round(exp(size))))


def _log_curve(mean: float, p99: float) -> NormalDist:
    """The normal distribution of log(size). Solves mean = exp(m + s²/2) and p99 = exp(m + z·s) for m and s."""
    z = _NORMAL.inv_cdf(0.99)
    under_root = z * z - 2 * log(p99 / mean) if 0 < mean < p99 else -1.0
    if under_root < 0:
        raise ValueError(f"no lognormal curve has the mean {mean:g} and the 99th percentile {p99:g}")
    sigma = z - sqrt(under_root)
    return NormalDist(log(mean) - sigma * sigma / 2, sigma)


@dataclass(frozen=True, slots=True)
class TrackCredit:
    """One credit of a compilation: the artist and the title as printed, and the place on the record."""

    artist_name: str
    track_title: str | None
    track_position: str | None


@dataclass(frozen=True)
class TrackSettings:
    """How the fixture answers a question with `include_tracks`.

    `state` gives every release the same state; None takes it from a hash of the release.
    `contract_version` is the answer's `tracks_contract_version`; None plays a producer without the marker.
    `given` has the credits by library id: LML resolves all of them, and has no others. None invents them.
    `flaws` lists a track in 60 again at another position, and gives one in 400 an impossible confidence.
    """

    state: TrackState | None = None
    contract_version: int | None = TRACKS_CONTRACT_VERSION
    sizes: TrackSizes = TrackSizes()
    given: Mapping[int, Sequence[TrackCredit]] | None = None
    flaws: bool = False


def write_credits(path: Path, credits: Mapping[int, Sequence[TrackCredit]]) -> None:
    """Write `TrackSettings.given` to a file that `read_credits` reads."""
    path.write_bytes(orjson.dumps(credits, option=orjson.OPT_NON_STR_KEYS))


def read_credits(path: Path) -> dict[int, list[TrackCredit]]:
    """Read a file of `write_credits`."""
    stored = orjson.loads(path.read_bytes())
    return {int(key): [TrackCredit(**credit) for credit in credits] for key, credits in stored.items()}


class Tracks:
    """Answers about the tracks of compilations. Most of the artists on them are among `known_artists`."""

    def __init__(self, known_artists: Collection[str], settings: TrackSettings) -> None:
        self._artists = sorted(set(known_artists))
        self._settings = settings

    def pair(self, question: Question) -> tuple[bool, list[dict[str, Any]]]:
        """`tracks_attempted` and `tracks` of one compilation."""
        digest = _digest(question.library_id, question.artist_name, question.album_title)
        if self._settings.given is not None:
            given = self._settings.given.get(question.library_id, ())
            return True, [_resolved_entry(digest, place, credit) for place, credit in enumerate(given)]
        state = self._settings.state or _state_of(digest)
        if state in ("not_visited", "nothing_found"):
            return state == "nothing_found", []
        credits = _credits(digest, self._artists, self._settings.sizes)
        entries = [_entry(digest, place, credit) for place, credit in enumerate(credits)]
        if self._settings.flaws:
            entries = list(_with_flaws(digest, entries))
        return state == "resolved", entries


def credits_of(
    question: Question, known_artists: Sequence[str], sizes: TrackSizes | None = None
) -> list[TrackCredit]:
    """The credits that an answer about this release lists, in the order of its tracks.

    `known_artists` must be sorted and without duplicates.
    """
    digest = _digest(question.library_id, question.artist_name, question.album_title)
    return list(_credits(digest, known_artists, sizes or TrackSizes()))


def _digest(*parts: object) -> bytes:
    return blake2b("\x1f".join(map(str, parts)).encode("utf-8", "replace"), digest_size=32).digest()


def _state_of(digest: bytes) -> TrackState:
    chance = int.from_bytes(digest[:4], "big") % 100
    return next(state for below, state in _STATES if chance < below)


def _credits(digest: bytes, artists: Sequence[str], sizes: TrackSizes) -> Iterator[TrackCredit]:
    share = (int.from_bytes(digest[4:12], "big") + 0.5) / 2**64
    for place in range(sizes.credits(share)):
        track = _digest(digest, place)
        number = int.from_bytes(track[:8], "big")
        known = artists and track[8] < 256 * _OWN_ARTISTS
        artist = artists[number % len(artists)] if known else f"Guest {number % 9_973}"
        title = None if track[9] % _UNTITLED_ONE_IN == 0 else f"Track {place + 1} {track[10:13].hex()}"
        yield TrackCredit(artist, title, f"{_SIDES[place // 12 % 4]}{place % 12 + 1}")


def _entry(digest: bytes, place: int, credit: TrackCredit) -> dict[str, Any]:
    """One entry of `tracks`. The matcher resolves four artists of five, also those that the station lacks."""
    if _digest(digest, place, "match")[13] % _UNRESOLVED_ONE_IN:
        return _resolved_entry(digest, place, credit)
    empty = {"resolved_artist_name": None, "confidence": None, "method": None}
    return {**_printed(credit), **empty, "sources": []}


def _resolved_entry(digest: bytes, place: int, credit: TrackCredit) -> dict[str, Any]:
    source = track_row(_digest(digest, place, "match"))
    return {
        **_printed(credit),
        "resolved_artist_name": credit.artist_name,
        "confidence": source["confidence"],
        "method": source["method"],
        "sources": [source],
    }


def _printed(credit: TrackCredit) -> dict[str, Any]:
    return {
        "artist_name": credit.artist_name,
        "track_title": credit.track_title,
        "track_position": credit.track_position,
    }


def _with_flaws(digest: bytes, entries: Iterable[dict[str, Any]]) -> Iterator[dict[str, Any]]:
    for place, entry in enumerate(entries):
        chance = int.from_bytes(_digest(digest, place, "flaw")[:4], "big")
        yield {**entry, "confidence": 2.0} if chance % _OUT_OF_BAND_ONE_IN == 1 else entry
        if chance % _REPEATED_ONE_IN == 0:
            yield {**entry, "track_position": f"{entry['track_position']}b"}
