"""The one place where text from outside is cleaned before it leaves this process: terminals, logs, messages, Dagster.

Text from outside is what LML, PostgreSQL or a table says. Text that PostgreSQL cannot store is in lml/text.py.
"""

import re
from typing import Final

MAX_TEXT: Final = 300

# C0 and C1 controls (ESC among them), separators of lines and paragraphs, marks that turn the direction of the text
# round, and surrogates, which no encoding takes.
_CONTROL: Final = "\x00-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069\ud800-\udfff"
_CONTROLS: Final = re.compile(f"[{_CONTROL}]+")
_NOT_IN_LINES: Final = re.compile(f"[{_CONTROL}]".replace("\x00-\x1f", "\x00-\x08\x0b-\x1f"))


def one_line(text: str, limit: int | None = MAX_TEXT) -> str:
    """The text on one line of at most `limit` characters, without control characters and lone surrogates."""
    return " ".join(_CONTROLS.sub(" ", text).split())[:limit]


def clean_lines(text: str) -> str:
    """The text with its line breaks and tabs; U+FFFD stands for each other control character."""
    return _NOT_IN_LINES.sub("\N{REPLACEMENT CHARACTER}", text.replace("\r\n", "\n"))


def visible(text: str) -> str:
    """The text on one line: a space stands for white space, U+FFFD for each character that is not printable."""
    return "".join(
        " " if one.isspace() else one if one.isprintable() else "\N{REPLACEMENT CHARACTER}" for one in text
    )
