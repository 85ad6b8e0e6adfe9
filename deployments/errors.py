"""The tree of failures, by who must act. It is also the on-call guide: the class names the family.

Every error carries facts (for JSON, reports and notices) and ends with the next command to type.
No message may contain a secret or a value of personal data: facts are written by code that knows both.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Literal, Self

from deployments.foreign_text import one_line, printable

Family = Literal["code", "declaration", "upstream", "retryable"]

WHO_ACTS: dict[Family, str] = {
    "code": "engineer (a fault of the software)",
    "declaration": "engineer (declaration or settings)",
    "upstream": "owner of the source (data or system)",
    "retryable": "nobody yet: it will be retried",
}
BY_HAND = "whoever typed it: it may pass by itself; run it again"
"""Who acts on what may pass where nothing is scheduled to try again."""
OUTSIDE_HOURS = "OUTSIDE-HOURS"
"""The code of what would have read a source at an hour at which it may not be read."""
NO_RUN = ("headgate retry RUN", "the same command again")
"""A next command that names the run, and what stands for it where there was none yet."""
STOPPED_BY_HAND = "whoever stopped it; it isn't run again by itself"


class HeadgateError(Exception):
    """A handled failure: what happened, where, what was expected, and the next command.

    `code` is short and stable: incidents are grouped by it and runbooks are named after it. `listing`: what was found, a line
    each below the message.
    """

    family: Family = "code"
    """Who must act: of the class, unless an instance knows better (`for_engineer`)."""

    def __init__(
        self,
        message: str,
        *,
        listing: Iterable[object] = (),
        code: str | None = None,
        next_command: str | None = None,
        **facts: object,
    ) -> None:
        # Sources, servers and drivers write parts of it: cleaned here, it is harmless wherever it is shown.
        self.message = printable("\n  ".join([message, *map(str, listing)]))
        super().__init__(self.message)
        self.code = code or type(self).__name__.removesuffix("Error").upper()
        self.next_command = None if next_command is None else one_line(next_command, 1_000)
        self.facts = {name: _clean(fact) for name, fact in facts.items()}

    def __str__(self) -> str:
        lines = [self.message, f"  who must act: {WHO_ACTS[self.family]}"]
        if self.next_command:
            lines.append(f"  next: {self.next_command}")
        return "\n".join(lines)

    def __reduce__(self) -> tuple[object, ...]:
        # Prefect pickles exceptions with task results; keyword-only arguments need their own way back.
        return (_rebuild, (type(self), self.family, self.message, self.code, self.next_command, self.facts))

    @property
    def is_of_a_source(self) -> bool:
        """Whether it is what one table's source has answered, or hasn't."""
        return self.code.startswith("SOURCE")

    def for_engineer(self, next_command: str) -> Self:
        """The same failure where the declaration is at fault, and not the source."""
        self.family, self.next_command = "declaration", next_command
        return self

    def to_json(self) -> dict[str, object]:
        """The facts of the failure for `--json`, records and notices."""
        return {
            "code": self.code,
            "family": self.family,
            "message": self.message,
            "who_must_act": WHO_ACTS[self.family],
            "next_command": self.next_command,
            "facts": {key: value for key, value in self.facts.items() if value is not None},
        }


def _clean(fact: object) -> object:
    if isinstance(fact, str):
        return printable(fact)
    if isinstance(fact, dict):
        return {_clean(key): _clean(value) for key, value in fact.items()}
    if isinstance(fact, list | tuple):
        return type(fact)(map(_clean, fact)) if type(fact) in (list, tuple) else fact
    return fact


def _rebuild(
    kind: type[HeadgateError],
    family: Family,
    message: str,
    code: str,
    next_command: str | None,
    facts: dict[str, object],
) -> HeadgateError:
    error = kind(message, listing=(), code=code, next_command=next_command, **facts)
    error.family = family
    return error


class CodeError(HeadgateError):
    """The software is at fault: an invariant didn't hold."""

    family = "code"


class AccountingError(CodeError):
    """Rows don't add up at a hand-over; the batch is not published."""


class DeclarationError(HeadgateError):
    """A declaration, a setting or the call is wrong; nothing was run."""

    family = "declaration"


class UpstreamError(HeadgateError):
    """The source or its data is wrong or absent; the live table is unchanged."""

    family = "upstream"


class ContractError(UpstreamError):
    """The source doesn't deliver the columns the contract names."""


class ToleranceError(UpstreamError):
    """More rows fail than the declaration tolerates."""


class CheckFailedError(UpstreamError):
    """A critical check of the batch failed; it was not published."""


class DriftStopError(UpstreamError):
    """The batch differs from its history and the table's policy is to stop."""


class SourceMissingError(UpstreamError):
    """The source has nothing at the place it was declared for this window."""


class SourceUnreachableError(UpstreamError):
    """The source can't be reached or read."""


class RetryableError(HeadgateError):
    """It may pass by itself: a lost connection, a lock, a busy server."""

    family = "retryable"
