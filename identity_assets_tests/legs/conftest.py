"""A discogs-cache for each test: the same database, made empty again."""

from collections.abc import Iterator
from dataclasses import replace

import pytest
from sqlalchemy import URL, make_url

from identity_assets.demo.postgres import EmbeddedPostgres
from identity_assets.settings import Settings
from identity_assets_tests.legs.support import Cache, empty_cache
from identity_assets_tests.support import Shelf


@pytest.fixture(scope="session")
def _cache_url(postgres: EmbeddedPostgres) -> URL:
    postgres.create_database("discogs_cache")
    return make_url(postgres.url("discogs_cache"))


@pytest.fixture
def cache(shelf: Shelf, _cache_url: URL) -> Iterator[Cache]:
    """An empty discogs-cache; its settings are the shelf's and its own address."""
    made = empty_cache(replace(shelf.settings, database_url_discogs=_cache_url))
    yield made
    made.dispose()


@pytest.fixture
def both_settings(station_settings: Settings, cache: Cache) -> Settings:
    """Settings of the whole job with a discogs-cache. No leg is on."""
    return replace(station_settings, database_url_discogs=cache.settings.database_url_discogs)
