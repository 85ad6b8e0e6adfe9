"""A batch: the rows of one table and one window, and the references its steps hand to each other.

Everything here is small and plain, so that it can travel between processes: names, counts, URIs and paths of the spool;
never a connection, a secret or rows.
"""

from __future__ import annotations

import secrets
from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path

from deployments.errors import UpstreamError
from deployments.windows import Window
from expectations.contract.batch_check import written_wrong
from expectations.contract.checksum import Checksum
from expectations.contract.part_check import CheckedPart
from expectations.contract.split import Reject
from expectations.record import Drift, QuarantineReason, RuleResult
from tasks.objects.manifest import Form, Manifest, Part
from tasks.objects.packing import Codec
from tasks.warehouses import proofs
from tasks.warehouses.names import TableName
from tasks.warehouses.proofs import Counts

SOURCE_KEY, SINCE_KEY, is_whole = proofs.SOURCE_KEY, proofs.SINCE_KEY, proofs.is_whole

OF_EITHER = frozenset({"TOLERANCE", "ENCODING", "HEADER", "BAD-HEADER", "NOT-JSON", "NOT-RECORDS"})
"""Failures of which only the history tells whether the declaration or the source is wrong."""


def window_of(batch_key: str) -> str:
    """What a run is asked for to load the batch again."""
    return SOURCE_KEY if is_whole(batch_key) else batch_key


@dataclass(frozen=True, slots=True)
class KeptState:
    """From where a source goes on after a batch, as it says itself. `since`: the publish whose state it had begun with (0: none,
    it gave everything); `is_news`: it is another state than that."""

    body: str
    since: int
    is_news: bool


@dataclass(frozen=True, slots=True)
class Override:
    """Somebody's word that a batch is to be published although it fails `code`; given for the run `run_id`."""

    code: str
    by: str
    reason: str
    run_id: str


@dataclass(frozen=True, slots=True)
class Batch:
    """What one run covers. `expected_sequence` is the publish of this batch that stood when the run began (0: none)."""

    table: str
    batch_key: str
    label: str
    run_id: str
    attempt_id: str
    expected_sequence: int
    standing_fingerprint: str | None
    spool: Path
    stage_key: str
    stands: bool = False
    """Whether a publish of this window stood when the run began."""
    refused: tuple[str, ...] = ()
    """Fingerprints of content that was rolled back; empty when somebody asked for the batch by name."""
    overrides: tuple[Override, ...] = ()
    declared_anew: bool = False
    """Whether nothing was ever published by the declaration as it is now."""
    reread: bool = False
    """Whether it is published, and only read again for rows that came late."""
    key_name: str = ""
    """The key of its hashed columns (`tasks.hash_keys`); '' where it has none."""
    erasures: int = 0
    """How many erasures of the table there were when the run began (`tasks.erasures`)."""
    object_name: str = ""
    """Of an object that is a batch: its name below the source's address."""
    ahead: bool = False
    """Whether steps up to the copy may begin with the parts that are there (`tasks.ahead`): nobody asked to stop before."""

    anew: bool = False
    """Whether somebody asked for all the source has, and not only what it has since the last publish."""

    @property
    def title(self) -> str:
        return f"{self.table} {self.label}"

    @property
    def window(self) -> Window | None:
        return Window.from_key(self.batch_key) if "/" in self.batch_key else None

    @property
    def live(self) -> TableName:
        return TableName.parse(self.table)

    @contextmanager
    def attributed(self) -> Iterator[None]:
        """Failures that a declaration causes as easily as a source: the engineer's, until it has worked once."""
        try:
            yield
        except UpstreamError as error:
            reasons = error.facts.get("reasons")
            if (
                self.declared_anew
                and error.code in OF_EITHER
                and not (isinstance(reasons, Mapping) and written_wrong(reasons))
            ):
                raise error.for_engineer(
                    f"mend the declaration of {self.table} (or the source); headgate check; then: headgate retry RUN"
                ) from None
            raise

    def overridden(self, code: str) -> bool:
        """Whether somebody decided that this failure doesn't stop the batch."""
        return any(item.code == code for item in self.overrides)


@dataclass(frozen=True, slots=True)
class SpooledPart:
    """Records of the source in a local file, as they came."""

    number: int
    path: Path
    first_record: int
    records: int
    rejects: tuple[Reject, ...] = ()


@dataclass(frozen=True, slots=True)
class Extracted:
    """What the source gave. `header` is its first record; `fingerprint` names the content."""

    where: str
    delimiter: str
    header: tuple[str, ...]
    parts: tuple[SpooledPart, ...]
    fingerprint: str
    source_bytes: int
    missing: bool = False
    unplaced: int = 0
    """Rows of the source whose cursor has no value, so that no window has them."""
    unfinished: bool | None = None
    """Whether no line end stands at the end of what was read."""
    objects: tuple[Part, ...] = ()
    objects_base: str | None = None
    codec: Codec = "none"
    state: KeptState | None = None
    form: Form = "csv"
    read_in: str = ""
    """For people: by how many ranges of a key it was read; '' for one statement."""
    present: tuple[int | None, ...] = ()
    """Of the producer's own objects: how many values each column has, as they say themselves; None where one doesn't say."""

    @property
    def rows(self) -> int:
        return sum(part.records + len(part.rejects) for part in self.parts)


@dataclass(frozen=True, slots=True)
class Validated:
    """What may be staged, what was set aside, and every verdict that can be reached before the stage.

    `in_place`: the producer's own objects, of whose rows nothing is known yet.
    """

    parts: tuple[CheckedPart, ...]
    delimiter: str
    null_marker: str
    checksum: Checksum
    extracted: int
    quarantined: int
    reasons: tuple[QuarantineReason, ...]
    keys_repeat: bool
    checked_in_memory: bool
    in_place: Extracted | None = None
    warnings: tuple[str, ...] = ()
    rules: tuple[RuleResult, ...] = ()
    profile: dict[str, object] | None = field(default=None, repr=False)
    where: str = ""
    fingerprint: str = ""
    header: tuple[str, ...] = ()
    early: int = 0
    """Parts that were checked while others were still read."""


@dataclass(frozen=True, slots=True)
class Staged:
    """The manifest of what was staged, and where the rows set aside are (a key of the stage; None when there are none)."""

    manifest: Manifest
    quarantine_key: str | None
    uri: str


@dataclass(frozen=True, slots=True)
class Copied:
    """The filled candidate. `early`: parts that were in it when the copy was asked for; `finished`: its indexes are made;
    `agrees`: what was proven, for people.
    """

    candidate: TableName
    rows: int
    early: int = 0
    finished: bool = False
    agrees: str = "counts, sums and hashes agree"


@dataclass(frozen=True, slots=True)
class Audited:
    """The candidate as it may be published. `candidate` differs from the copied one when rows were superseded."""

    candidate: TableName | None
    counts: Counts
    rules: tuple[RuleResult, ...] = ()


@dataclass(frozen=True, slots=True)
class Judged:
    """What a batch is beside what stands: the windows before it, the live table's columns, the keys its source has. `profile`:
    what it was held against them by."""

    drift: Drift | None = None
    changes: tuple[tuple[str, str], ...] = ()
    warnings: tuple[str, ...] = ()
    source_keys: TableName | None = None
    keys_as_of: int = 0
    profile: dict[str, object] | None = None


ATTEMPT_CHARACTERS = 12
_EPOCH = datetime(2020, 1, 1, tzinfo=UTC)
_DIGITS = "0123456789abcdefghijklmnopqrstuvwxyz"
_MINUTE_CHARACTERS = 5


def new_attempt(now: datetime) -> str:
    """A short name that nobody else has; it becomes part of table names and object keys.

    It begins with the minute it was made in by the warehouse's clock, so that leftovers tell their age.
    """
    minutes, made = int((now - _EPOCH).total_seconds() // 60), ""
    for _ in range(_MINUTE_CHARACTERS):
        minutes, digit = divmod(minutes, len(_DIGITS))
        made = _DIGITS[digit] + made
    return made + secrets.token_hex(4)[: ATTEMPT_CHARACTERS - _MINUTE_CHARACTERS]


def attempt_began(attempt: str) -> datetime | None:
    """The minute in an attempt's name; None when it isn't one."""
    if len(attempt) != ATTEMPT_CHARACTERS or not attempt.isascii() or not attempt.isalnum():
        return None
    return _EPOCH + timedelta(minutes=int(attempt[:_MINUTE_CHARACTERS], 36))


def new_try() -> str:
    """What tells the tries of a step within an attempt apart."""
    return secrets.token_hex(2)


def reason_counts(parts: tuple[CheckedPart, ...]) -> Counter[tuple[str, str | None]]:
    """Rows set aside by (code, column)."""
    counts: Counter[tuple[str, str | None]] = Counter()
    for part in parts:
        counts.update((row.code, row.column) for row in part.quarantined)
    return counts
