"""The request of the contract, as the fixture reads it. The answer is made in `composer` and `tracks`."""

from typing import Annotated, Final

from pydantic import BaseModel, ConfigDict, Field

ENDPOINT: Final = "/api/v1/identity/bulk-resolve-libraries"
MAX_INPUTS: Final = 1_000
TRACKS_CONTRACT_VERSION: Final = 1


class Question(BaseModel):
    """One input of a call: a library row that LML is asked about."""

    model_config = ConfigDict(strict=True, frozen=True)
    library_id: int
    artist_name: str
    album_title: str
    legacy_release_id: int | None = None


class BulkRequest(BaseModel):
    """The body of one call."""

    model_config = ConfigDict(strict=True, frozen=True)
    inputs: Annotated[list[Question], Field(min_length=1)]
    include_tracks: bool = False
