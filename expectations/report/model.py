"""What the report keeps between two runs: one line per run, one description per table. Bounded, and free of values.

Everything here is written to the report's store as JSON and read again by later runs, perhaps of another version:
unknown keys are ignored, absent ones have defaults.
"""

from __future__ import annotations

from datetime import datetime
from typing import Any, Literal

from pydantic import Field

from expectations.record import Status, WouldBeTold
from expectations.report.about import Column, Described, Kept

VERSION = 1
State = Literal["failed", "warned", "waiting", "held", "good", "never"]


class FailedRule(Kept):
    """A rule that failed or couldn't be judged, in one run."""

    code: str
    severity: str
    outcome: str
    message: str
    column: str | None = None
    overridden: bool = False


class Told(Kept):
    """A drift alert, in one run."""

    column: str | None
    kind: str
    level: str
    message: str
    since: str | None = None
    under: str | None = None


class SetAside(Kept):
    """Rows set aside for one reason, in one run."""

    code: str
    column: str | None
    rows: int
    sentence: str
    examples: tuple[str, ...] = ()
    names: str = ""


class Failed(Kept):
    """Why a run failed."""

    code: str
    family: str
    step: str
    message: str
    who_must_act: str
    next_command: str | None = None


class TakenBack(Kept):
    """A batch whose load a person has undone: who, when and why."""

    label: str
    by: str
    at: datetime
    reason: str = ""


class Line(Kept):
    """One run, in bounded figures. `figures` and `bands` are keyed by name and column, such as 'nulls:score'. `labels`: all
    values of columns that have few, kept of the last two weeks.

    How it stands by the proofs: `undone`; `can_undo`, what an undo needs is kept and nothing lies on top of it; `settled`,
    the run that published the batch after this one had failed. `since`: of the loads of the same data right before it that were
    told for the same and that nobody has answered, when the first ended; None where what stood before isn't doubted.
    """

    run_id: str
    kind: str
    status: Status
    batch_key: str
    label: str
    window_start: datetime | None = None
    window_end: datetime | None = None
    started_at: datetime
    finished_at: datetime | None = None
    counts: dict[str, int] = Field(default_factory=dict)
    passed: int = 0
    judged: int = 0
    failed_rules: tuple[FailedRule, ...] = ()
    quarantine: tuple[SetAside, ...] = ()
    alerts: tuple[Told, ...] = ()
    drift: str | None = None
    history: int = 0
    warnings: int = 0
    figures: dict[str, float] = Field(default_factory=dict)
    bands: dict[str, tuple[float, float, float]] = Field(default_factory=dict)
    labels: dict[str, tuple[str, ...]] = Field(default_factory=dict)
    noticed: tuple[WouldBeTold, ...] = ()
    schema_hash: str = ""
    failure: Failed | None = None
    sequence: int | None = None
    undone: bool = False
    taken_back: TakenBack | None = None
    can_undo: bool = False
    settled: str = ""
    since: datetime | None = None

    @property
    def published(self) -> bool:
        """Whether the run made data visible that still stand."""
        return self.status in ("published", "warned") and self.kind != "rollback" and not self.undone

    @property
    def at(self) -> datetime:
        return self.finished_at or self.started_at


class Publish(Kept):
    """One entry of the table's proofs of publish."""

    sequence: int
    batch_key: str
    kind: str
    run_id: str
    published_at: datetime
    rows: int = 0
    undone_by: int | None = None
    can_undo: bool = False


class Decision(Kept):
    """What a person decided. `kind`: accept-drift, override, rollback, discard, ...; `what`: about which code or kind."""

    decided_at: datetime
    kind: str
    what: str = ""
    column: str | None = None
    by: str = ""
    reason: str = ""
    expires_at: datetime | None = None
    run_id: str | None = None


class OpenIncident(Kept):
    """An incident of the table that isn't over, and who answered it. `about`: what it is about besides this table, '' for
    nothing.
    """

    incident_id: str
    code: str
    opened_at: datetime
    acknowledged_by: str = ""
    acknowledged_at: datetime | None = None
    about: str = ""
    silenced_until: datetime | None = None


class Facts(Kept):
    """What only the warehouse and the rota know: proofs of publish, people's decisions, what is open and who is called."""

    publishes: tuple[Publish, ...] = ()
    decisions: tuple[Decision, ...] = ()
    incidents: tuple[OpenIncident, ...] = ()
    on_call: str = ""
    reconciled: str = ""
    """How far the table is known to agree with its source; '' where they were never compared."""


class OpenItem(Kept):
    """One thing that waits for somebody. `level`: bad (data not published), warn (published, look at it).

    Alerts about one column of one batch have one cause: the strongest is the item, the kinds of the others are `also`.
    What the cause of another alert explains is `under` its column ("table" for the table as a whole), as long as that waits.
    Of a failure `also` holds the critical rules that failed. `opened_at`: when it was first told. `loads`: of a table without
    windows, how many loads in a row were told for it.
    """

    what: Literal["failure", "rule", "drift", "quarantine"]
    level: Literal["bad", "warn"]
    run_id: str
    label: str
    sentence: str
    code: str
    column: str | None = None
    since: str | None = None
    batches: int = 1
    rows: int | None = None
    also: tuple[str, ...] = ()
    who: str = ""
    opened_at: datetime | None = None
    loads: int = 1
    under: str | None = None

    @property
    def place(self) -> str:
        """The column as `under` names it."""
        return self.column or "table"


class Broken(Kept):
    """A promise that isn't kept: the oldest batch that was due and isn't published, and the moment by which it was promised."""

    stakeholder: str
    label: str
    since: datetime


class Freshness(Kept):
    """How fresh the table is. `until`: the moment from which the promise to `promised_to` is broken unless something is
    published; None where nothing of it is due. `gaps`: labels of missing batches between published ones, the newest of them.
    `broken`: promises about a batch that is missing, be newer ones published or not. `built_from`: of a summary the newest
    batch of each table below it that its build has read, the oldest first; empty where one was published since.
    """

    until: datetime | None = None
    promised_to: str = ""
    last_label: str = ""
    last_at: datetime | None = None
    data_until: datetime | None = None
    newest_key: str = ""
    missing: int = 0
    gaps: tuple[str, ...] = ()
    broken: tuple[Broken, ...] = ()
    built_from: tuple[tuple[str, str], ...] = ()
    complete: bool = False

    def late(self, now: datetime) -> bool:
        return self.until is not None and now > self.until


class Because(Kept):
    """A table below a summary that isn't good. `state`: failed, late or warned, or 'gap' for one that only lacks batches;
    `said`: the first thing that waits there; `missing`: labels of batches that it lacks between others.
    """

    table: str
    state: str
    run_id: str = ""
    said: str = ""
    missing: tuple[str, ...] = ()


class StartRow(Kept):
    """One table on the start page. `state` is its own where a table's row is kept; the start page's twin has the worst of its
    own and its inputs'. `because`: what its page says of the tables below it.
    """

    table: str
    kind: str = "table"
    description: str = ""
    owner: str = ""
    tier: str = "standard"
    inputs: tuple[str, ...] = ()
    state: State = "never"
    because: tuple[Because, ...] = ()
    taken_back: TakenBack | None = None
    freshness: Freshness = Freshness()
    last_run: str = ""
    last_label: str = ""
    last_status: str = ""
    last_at: datetime | None = None
    rows: tuple[float, ...] = ()
    published_rows: int | None = None
    set_aside: int = 0
    passed: int = 0
    judged: int = 0
    rules: int = 0
    open_items: tuple[OpenItem, ...] = ()
    open_count: int = 0


class TableTwin(Kept):
    """The machine-readable twin of a table's page; also what the next update starts from. `state` is the worst of the table's
    `own` and its inputs'.
    """

    version: int = VERSION
    described: Described
    state: State = "never"
    own: State = "never"
    because: tuple[Because, ...] = ()
    taken_back: TakenBack | None = None
    freshness: Freshness = Freshness()
    open_items: tuple[OpenItem, ...] = ()
    schemas: dict[str, tuple[Column, ...]] = Field(default_factory=dict)
    facts: Facts = Facts()
    written_at: datetime | None = None


class Change(Kept):
    """One figure of a run beside an earlier run's."""

    figure: str
    name: str
    column: str | None = None
    unit: str | None = None
    now: float | None = None
    before: float | None = None
    week_before: float | None = None


class Comparison(Kept):
    """A run beside the batch before it and, where batches are days or shorter, the one a week before."""

    before: str | None = None
    before_run: str | None = None
    week_before: str | None = None
    week_run: str | None = None
    changes: tuple[Change, ...] = ()
    schema_added: tuple[str, ...] = ()
    schema_removed: tuple[str, ...] = ()
    schema_changed: tuple[str, ...] = ()


class Neighbour(Kept):
    """A run beside another one of the same table, whose page is there."""

    run_id: str
    label: str
    at: datetime


class RunTwin(Kept):
    """The machine-readable twin of a run's page. `loads`: when the loads ended that the record names by number ('#27'), or as
    the table's only batch ('source'), because the table has no windows. `before` and `after`: the runs beside it, as they began.
    """

    version: int = VERSION
    line: Line
    comparison: Comparison = Comparison()
    loads: dict[str, datetime] = Field(default_factory=dict)
    before: Neighbour | None = None
    after: Neighbour | None = None
    record: dict[str, Any] = Field(default_factory=dict)
