"""What a person wants LML to be asked again about, also inside the windows. SQL decides which library rows match.

The rule is functions/candidate.sql in backend/.
"""

from dataclasses import dataclass
from datetime import UTC, datetime
from enum import StrEnum
from typing import Any

from identity_assets.errors import OperatorError


class AskAgainError(OperatorError):
    """The choice cannot be understood."""

    exit_code = 2


class Answers(StrEnum):
    """Which of LML's last answers are asked for again."""

    unresolved = "unresolved"
    compilations = "compilations"
    invalid = "invalid"
    all = "all"


@dataclass(frozen=True)
class AskAgain:
    """Ask again about the library rows whose last answer is one of `answers`, instead of the due ones.

    `library_ids`: only these, in any scope; empty means all rows of the scope. `asked_before`: only those
    that LML was last asked about before this moment.
    """

    answers: Answers
    library_ids: tuple[int, ...] = ()
    asked_before: datetime | None = None


def ask_again_params(choice: AskAgain | None) -> dict[str, Any]:
    """The bind parameters of every statement that reads `candidate`; None selects the due rows."""
    return {
        "ask_again": None if choice is None else str(choice.answers),
        "only_library_ids": list(choice.library_ids) if choice is not None and choice.library_ids else None,
        "asked_before": None if choice is None else choice.asked_before,
    }


def ask_again_of(
    answers: str | None, library_ids: tuple[int, ...], asked_before: str | None
) -> AskAgain | None:
    """The choice as it is given on the command line or in the launchpad; None if nothing is chosen.

    `asked_before` is a day or a moment in ISO 8601, in UTC where it has no offset.

    Raises:
        AskAgainError: the moment is not one, or the rows are narrowed down and no answers are chosen.
    """
    if answers is None:
        if library_ids or asked_before is not None:
            raise AskAgainError(
                f"library ids and a date are only for asking again: choose also one of {', '.join(Answers)}"
            )
        return None
    return AskAgain(Answers(answers), library_ids, None if asked_before is None else _moment(asked_before))


def _moment(text: str) -> datetime:
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        raise AskAgainError(
            f"{text!r} is not a date: give one such as 2026-11-21, or 2026-11-21T08:00 in UTC"
        ) from None
    return moment if moment.tzinfo is not None else moment.replace(tzinfo=UTC)
