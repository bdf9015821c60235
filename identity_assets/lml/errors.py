"""Every way in which a call to LML can bring no answer, as a type."""

from __future__ import annotations

from typing import Final

from identity_assets.clean_text import one_line

_MAX_MESSAGE: Final = 800


class LmlError(Exception):
    """A call to LML that brought no answer.

    `status` is the HTTP status, None where there was none; `retryable` says whether the same call may
    do better later; `retry_after` is the wait in seconds that LML asked for. The message is one line
    without control characters.
    """

    def __init__(
        self,
        message: str,
        *,
        status: int | None = None,
        retryable: bool = False,
        retry_after: float | None = None,
    ) -> None:
        super().__init__(one_line(message, _MAX_MESSAGE))
        self.status = status
        self.retryable = retryable
        self.retry_after = retry_after


class LmlMalformedAnswer(LmlError):
    """LML answered 200 with a body that breaks the contract: no JSON, no object, or no `results`."""

    def __init__(self, message: str) -> None:
        super().__init__(message, status=200, retryable=True)


class LmlUnauthorised(LmlError):
    """401 or 403: the key is wrong or missing. No other input would fare better."""


class LmlRefused(LmlError):
    """A 3xx, or a 4xx that asking again does not cure."""


class LmlUnavailable(LmlError):
    """5xx, 429, 408, or a call that broke off: the same call may do better later."""


class LmlUnreachable(LmlUnavailable):
    """No connection could be opened."""


class LmlTimedOut(LmlUnavailable):
    """The whole answer did not come in time. Asking about fewer inputs is the cure."""


class LmlAnswerTooLarge(LmlUnavailable):
    """The answer has more bytes than LML_MAX_RESPONSE_BYTES. Asking about fewer inputs is the cure."""


class LmlStopped(LmlError):
    """Asking was stopped before an answer came."""


class LmlDown(LmlError):
    """So many calls failed, or for so long, without a success between them that nothing more is asked."""
