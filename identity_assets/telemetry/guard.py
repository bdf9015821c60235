"""The guard of everything that leaves the process for Sentry: an error there never fails a run."""

import functools
import logging
from collections.abc import Callable
from typing import ParamSpec

P = ParamSpec("P")

_log = logging.getLogger("identity_assets.telemetry")
_failed: set[str] = set()


def never_raises(function: Callable[P, None]) -> Callable[P, None]:
    """Errors in the function never reach its caller. The first one of each process is logged as a warning."""

    @functools.wraps(function)
    def guarded(*args: P.args, **kwargs: P.kwargs) -> None:
        try:
            function(*args, **kwargs)
        except Exception as error:
            if function.__name__ not in _failed:
                _failed.add(function.__name__)
                _log.warning(
                    "Sentry is not told everything: %s raised %s", function.__name__, type(error).__name__
                )

    return guarded
