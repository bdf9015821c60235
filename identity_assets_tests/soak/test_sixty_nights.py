"""Sixty nights of one library on a simulated clock, each of them compared with a model in Python.

The clock goes over the beginning of summer time in one of the two runs, and over its end in the other.
"""

from datetime import UTC, datetime, timedelta
from random import Random
from zoneinfo import ZoneInfo

import pytest

from identity_assets.backend.reports.integrity import (
    read_asked_twice,
    read_out_of_band,
    read_without_sources,
)
from identity_assets.demo.fixture_lml import FixtureLmlThread
from identity_assets.schedules import STATION_TIME
from identity_assets_tests.legs.support import Cache
from identity_assets_tests.soak.clock import clock_of
from identity_assets_tests.soak.station import Night, Station, station_settings_of
from identity_assets_tests.support import Shelf

NIGHTS = 60
ZONE = ZoneInfo(STATION_TIME)
FIRST_NIGHTS = {
    "summer time begins": datetime(2027, 2, 9, tzinfo=ZONE),
    "summer time ends": datetime(2027, 10, 3, tzinfo=ZONE),
}


def at(first: datetime, night: int, hour: int, minute: int = 0) -> datetime:
    """A time of day of the station, some nights after the first, in UTC: two days of the station may be 47 hours."""
    return (first.replace(hour=hour) + timedelta(days=night, minutes=minute)).astimezone(UTC)


@pytest.mark.long
@pytest.mark.promise("asked once", cases=NIGHTS)
@pytest.mark.promise("due", cases=NIGHTS)
@pytest.mark.promise("one outcome", cases=NIGHTS)
@pytest.mark.promise("implausible", cases=NIGHTS)
@pytest.mark.promise("broken cache", cases=NIGHTS)
@pytest.mark.promise("gate", cases=NIGHTS)
@pytest.mark.promise("growth", cases=NIGHTS)
@pytest.mark.parametrize("season", FIRST_NIGHTS)
def test_sixty_nights_go_as_the_model_says(season: str, shelf: Shelf, cache: Cache) -> None:
    first = FIRST_NIGHTS[season]
    assert len({at(first, night, 5).hour for night in range(NIGHTS)}) == 2
    with FixtureLmlThread() as lml, clock_of(shelf) as clock:
        settings = station_settings_of(shelf, lml, cache)
        station = Station(shelf, settings, lml, cache, clock, Random(season))
        live(station, first)
        assert read_asked_twice(shelf.database, settings).count == 0
        assert read_out_of_band(shelf.database).count == 0
        assert read_without_sources(shelf.database).count == 0
    # Nothing above was left out because it never came to it.
    assert set(station.happened) >= {
        "LML learnt",
        "LML forgot",
        "a person said correct",
        "a person said reject",
        "a person said none",
        "a release was renamed",
        "a release just found was renamed",
        "a release found before was renamed",
        "a release was deleted",
        "held answers were dropped",
        "held answers were accepted",
        "the cache was rebuilt",
        "a broken cache was not believed",
        "a run was killed before it wrote",
        "a night by Dagster",
        "LML was down",
    }


def live(station: Station, first: datetime) -> None:
    """All nights. What happens in them depends on the night and on the station's own chance."""
    corrected_by: set[str] = set()
    held_since: int | None = None
    distresses = 0
    station.clock.set(at(first, 0, 3))
    station.add_releases(265)
    for number in range(NIGHTS):
        gathers_at = at(first, number, 4, 30)
        station.clock.set(gathers_at)
        if number % 8 == 5:
            station.rebuild_cache()
        station.gather(gathers_at, is_broken=cache_is_broken(number))

        # Runs wait in the queue: by the clock, no two nights of one window begin at the same time.
        now = at(first, number, 5, 7 * (7 * number % 13))
        station.clock.set(now)
        assert abs(station.clock.read() - now) < timedelta(seconds=5)
        night = what_goes_wrong(station, number, now, may_distress=held_since is None and distresses < 2)
        # A run of Dagster would gather again.
        if number % 6 == 4 and not night.by_dagster:
            station.rename_found()
        station.pass_night(now, night, f"night {number}")
        station.check(now, night, corrected_by)
        if any(lie == "unresolved" for lie in night.lies.values()):
            held_since, distresses = number, distresses + 1

        noon = at(first, number, 12)
        station.clock.set(noon)
        if held_since == number - 1:
            station.decide_held(noon, accept=distresses == 2)
            held_since = None
        people_act(station, number, corrected_by)
        station.learn()


def cache_is_broken(number: int) -> bool:
    """Whether the cache was rebuilt badly before this night. A run of Dagster would gather it again, and fail."""
    return number % 17 == 9


def what_goes_wrong(station: Station, number: int, now: datetime, *, may_distress: bool) -> Night:
    """The faults of one night; most nights have some."""
    due = [row for row in station.model.due(now) if row.artist is not None]
    night = Night(by_dagster=number % 10 == 7)
    if number % 19 == 11:
        night.by_dagster = night.lml_is_down = True
    elif may_distress and number > 12 and not cache_is_broken(number) and station.model.withdrawn(due) >= 25:
        night.by_dagster = True
        night.lies = {row.library_id: "unresolved" for row in due}
    elif number % 13 == 8 and not night.by_dagster:
        night.is_killed = True
    else:
        some = station.chance.sample(due, min(len(due), 6))
        night.lies = {row.library_id: "invalid" for row in some[:2]}
        night.lies |= {row.library_id: "partial" for row in some[2:4] if row.truth.kind == "artist"}
        if number % 3 == 0:
            night.left_out = {row.library_id for row in some[4:5]}
            night.refused = {row.library_id for row in some[5:6]}
    return night


def people_act(station: Station, number: int, corrected_by: set[str]) -> None:
    """What people do at noon."""
    run_id = f"noon {number}"
    if number % 5 == 2:
        station.correct(run_id)
        corrected_by.add(run_id)
    if number % 5 == 3:
        station.reject(run_id)
        corrected_by.add(run_id)
    if number % 11 == 4:
        station.say_none(run_id)
        corrected_by.add(run_id)
    if number % 2:
        station.rename()
    if number % 9 == 1:
        station.delete()
    if number % 4 == 1:
        station.add_releases(2)
