"""A mistake in a declaration, told so that it can be mended at once: where, what, what is allowed, what was meant."""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

from deployments.errors import DeclarationError

KeyPath = tuple[int | str, ...]


@dataclass(frozen=True, slots=True)
class Fault:
    """Where (a path of keys), what is wrong, what is allowed, and the known name that was probably meant.

    `start`: where in the SELECT of a summary, in characters from its beginning.
    """

    path: KeyPath
    message: str
    allowed: str | None = None
    nearest: str | None = None
    start: int | None = None


@dataclass(frozen=True, slots=True)
class Problem:
    """A fault with its file. `line` counts from 1 and is 0 when the file as a whole is meant; so does `column`, for the line."""

    file: Path
    line: int
    key: str
    message: str
    found: str | None = None
    allowed: str | None = None
    nearest: str | None = None
    column: int = 0

    def __str__(self) -> str:
        place = ":".join(str(part) for part in (self.file, self.line, self.column) if part)
        text = f"{place}: {self.key}: {self.message}" if self.key else f"{place}: {self.message}"
        if self.found is not None:
            text += f"; found {self.found}"
        if self.allowed is not None:
            text += f"; allowed: {self.allowed}"
        if self.nearest is not None:
            text += f"; did you mean '{self.nearest}'?"
        return text

    def to_json(self) -> dict[str, object]:
        return {key: str(value) if isinstance(value, Path) else value for key, value in asdict(self).items()}


def nearest(word: str, names: Iterable[str]) -> str | None:
    """The known name that a mistyped one most likely meant, or None."""
    written = {name.lower(): name for name in names}
    words = _words(word)
    of_these_words = [name for name in written if len(words) > 2 and _words(name) == words]
    matches = of_these_words or difflib.get_close_matches(word.lower(), list(written), n=1, cutoff=0.6)
    return written[matches[0]] if matches else None


def nearest_table(word: str, names: Iterable[str]) -> str | None:
    """As `nearest`, of tables. Of `schema.table` the table counts: a right one in a wrong schema was meant, and what shares
    nothing but the schema wasn't."""
    if "." not in word:
        return nearest(word, names)
    known = list(names)
    table = nearest(word.rpartition(".")[2], dict.fromkeys(name.rpartition(".")[2] for name in known))
    written = {name.lower(): name for name in known if name.rpartition(".")[2] == table}
    matches = difflib.get_close_matches(word.lower(), list(written), n=1, cutoff=0)
    return written[matches[0]] if matches else None


def _words(name: str) -> list[str]:
    return sorted(re.split(r"[^a-z0-9]+", name.lower()))


def fail_on(problems: Sequence[Problem], next_command: str = "headgate check") -> None:
    """Raise one DeclarationError that lists every problem; does nothing when there are none. `next_command`: what shows
    whether they are mended."""
    if not problems:
        return
    count = "1 mistake" if len(problems) == 1 else f"{len(problems)} mistakes"
    raise DeclarationError(
        f"{count} in the declarations:",
        listing=problems,
        code="DECLARATION",
        next_command=next_command,
        problems=[problem.to_json() for problem in problems],
    )
