"""The declaration of a table: source, windows, contract, load and everything that follows from it."""

from __future__ import annotations

import hashlib
import re
from datetime import date, datetime, timedelta
from typing import Any, ClassVar, Literal
from zoneinfo import ZoneInfo

from pydantic import Field, field_validator, model_validator

from deployments.bounds import WindowColumn
from deployments.declarations.columns import Column
from deployments.declarations.cron import check_cron
from deployments.declarations.model import CLOCK, Declared, Duration, Identifier, QualifiedName, Zone, seconds
from deployments.declarations.modes import MODES, Mode, ModeFacts
from deployments.declarations.sources import Source
from deployments.windows import Grid, check_every

Tier = Literal["core", "standard", "experimental"]
Told = Literal["allow", "warn", "fail"]
Evolved = Literal["allow", "evolve", "fail"]
MAX_COLUMNS = 1600
_NOT_OF_THE_ROWS: dict[str, Any] = {
    **dict.fromkeys(("owner", "tier", "tags", "schedule", "retries", "sla", "runbook", "reconcile", "holidays"), True),
    "window": {"start", "end", "lookback"}, "load": {"generations"}, "source": {"wait_for"},
}  # fmt: skip
"""What says nothing of the rows of a batch, or of the table that holds them: with another value of it no table is declared anew,
and no window is stale. Where windows begin and end is a batch's own key."""
_SHARE = re.compile(r"(\d+(?:\.\d+)?)\s*%")


class WindowSpec(Declared):
    """The grid of windows: what one batch covers."""

    every: str = Field(description="hour, day, week, month, or a number with m, h or d.")
    timezone: Zone = Field(description="IANA zone in which days and months are counted.")
    start: datetime = Field(description="Local start of the first window.")
    end: datetime | None = Field(None, description="Local end of the last window; null: it goes on.")
    lookback: int = Field(
        0, ge=0, le=1000,
        description="So many published windows before the newest are read again on each run, for rows that came late; those "
        "whose rows are others are loaded again.",
    )  # fmt: skip

    @field_validator("every")
    @classmethod
    def _known_step(cls, value: str) -> str:
        return check_every(value)

    @field_validator("start", "end", mode="before")
    @classmethod
    def _local_time(cls, value: object) -> object:
        if isinstance(value, date) and not isinstance(value, datetime):
            return datetime(value.year, value.month, value.day)
        return value

    @model_validator(mode="after")
    def _in_order(self) -> WindowSpec:
        for moment in (self.start, self.end):
            if moment is not None and moment.tzinfo is not None:
                raise ValueError("start and end are local times of the declared timezone: write them without offset")
        if self.end is not None and self.end <= self.start:
            raise ValueError("end must come after start")
        if self.every == "month" and self.start.day > 28:
            raise ValueError("monthly windows must start on a day every month has (1 to 28)")
        if not self.grid().ends_on_an_edge:
            raise ValueError(f"end must be where a window ends, counted every {self.every} from {self.start}")
        return self

    def grid(self) -> Grid:
        return Grid(self.every, self.timezone, _plain(self.start), None if self.end is None else _plain(self.end))


def _plain(moment: datetime) -> datetime:
    """Python's own datetime: that of the YAML library is copied through and through by every step."""
    return datetime.combine(moment.date(), moment.time())


class Cron(Declared):
    """When to look whether there is something to do."""

    cron: str = Field(description="Five fields: minute hour day month weekday.")
    timezone: Zone | None = Field(None, description="Zone of the cron; default: the window's, else UTC.")

    @field_validator("cron")
    @classmethod
    def _comes_round(cls, value: str) -> str:
        return check_cron(value)


class Schedule(Cron):
    """When to look for windows that are due; what a run covers is the window's business."""

    catchup: bool = Field(True, description="Load windows that were missed, oldest first.")
    max_active_runs: int = Field(1, ge=1, description="Flow runs of this table at the same time.")
    parallel: int = Field(1, ge=1, le=32, description="Windows loaded side by side within one run.")


class Keep(Declared):
    """Which row of a key stays when a batch holds several."""

    latest_by: Identifier = Field(
        description="Column of the contract; the greatest value wins, the rest is superseded."
    )


class SchemaChange(Declared):
    """What to do when the source, the declaration and the live table differ: allow it without a word, warn (publish and
    tell), evolve (change the live table and tell), or fail.
    """

    added: Told = Field("warn", description="The source has a column the contract doesn't name; it isn't loaded.")
    removed: Told | None = Field(
        None,
        description="A column is gone. From the source: fail by default; allow and warn load NULL where the column is "
        "nullable. From the contract, while the live table has it: full_refresh fails by default, and drops it with "
        "allow and warn; the other modes warn by default and keep it, without values in new rows.",
    )
    reordered: Told = Field("allow", description="The source has the same columns in another order.")
    widened: Evolved = Field(
        "evolve",
        description="The contract allows more than the live table: longer text, larger numbers. The live "
        "column is altered; Redshift can do so for text only, and in full_refresh.",
    )
    narrowed: Told = Field(
        "fail",
        description="The contract allows less than the live table. full_refresh makes the column narrower; in the other "
        "modes it stays as wide as it is.",
    )
    retyped: Literal["evolve", "fail"] = Field(
        "fail",
        description="Another type than the live table's. evolve: full_refresh replaces the column; no other mode can.",
    )
    new_column: Evolved = Field("evolve", description="The contract has a column the live table lacks: it is added.")


class CopyOptions(Declared):
    """What may be said to Redshift's COPY beside where the rows are. PostgreSQL takes no notice of it."""

    retired: ClassVar = dict.fromkeys(
        ("acceptinvchars", "maxerror", "roundec", "emptyasnull", "truncatecolumns", "ignoreheader"),
        "COPY would load other values or rows than those that were checked",
    )

    statupdate: bool = Field(False, description="Make statistics after COPY; they are made by ANALYZE in any case.")
    compupdate: bool | Literal["preset"] = Field(
        False, description="Choose encodings in COPY: true by a sample, preset by type; else those of the declaration."
    )
    comprows: int | None = Field(None, ge=1000, le=1_000_000_000, description="Rows of the sample compupdate takes.")
    region: str | None = Field(
        None, pattern=r"^[a-z]{2}(-[a-z]+)+-[0-9]$", description="Region of the stage's bucket, when not the cluster's."
    )


class Load(Declared):
    """How a batch changes the live table."""

    mode: Mode = Field(description="full_refresh, append, replace_window or merge.")
    window_column: Identifier | None = Field(
        None, description="replace_window: the column whose values are the window."
    )
    keep: Keep | None = Field(None, description="Which row of a key that repeats in a batch stays.")
    deletes: Literal["keep", "compare_keys"] = Field("keep", description="compare_keys: rows gone from the source go.")
    on_schema_change: SchemaChange = Field(default_factory=SchemaChange, description="Policy per kind of change.")
    shrink_guard: str = Field(
        "50%",
        description="full_refresh fails when the table would lose more than this share, or rows by a file "
        "that was cut off inside its last line; 100%: it may.",
    )
    tolerance: str = Field("1%", description="The batch fails when more rows than this are quarantined in all.")
    generations: int = Field(2, ge=0, le=30, description="How many publishes can be undone.")
    stage: Literal["parts", "in_place"] = Field("parts", description="in_place: load the producer's objects directly.")
    copy_options: CopyOptions = Field(default_factory=CopyOptions, description="Redshift COPY options.")

    @field_validator("shrink_guard", "tolerance", mode="before")
    @classmethod
    def _share(cls, value: object) -> str:
        share(str(value))
        return str(value)

    @property
    def does(self) -> ModeFacts:
        """What follows from the mode."""
        return MODES[self.mode]


class Physical(Declared):
    """Redshift's physical layout; on PostgreSQL the sort key is an index beside that of the key, and the rest means nothing. A
    table gets it when it is made, or replaced as a whole; of one that is there `headgate plan` shows the SQL."""

    diststyle: Literal["auto", "even", "all", "key"] = Field("auto", description="Distribution style.")
    distkey: Identifier | None = Field(None, description="Needed by diststyle key.")
    sortkey: tuple[Identifier, ...] = Field((), description="Sort key, compound, in order.")

    @model_validator(mode="after")
    def _key_given(self) -> Physical:
        if (self.diststyle == "key") != (self.distkey is not None):
            raise ValueError("diststyle key and distkey belong together")
        return self


class Reconcile(Cron):
    """When published windows are held against the source again; `headgate reconcile` does the same by hand."""

    windows: int = Field(
        31, ge=1, description="So many of the newest published windows are compared; rows may come later still."
    )
    repair: bool = Field(False, description="Load windows that differ again.")


class Retries(Declared):
    """When a deployment's run looks again after a failure that may pass by itself.

    Steps have retries of their own, some seconds apart; `headgate run` has only those.
    """

    count: int = Field(1, ge=0, le=10, description="How often the run of a deployment comes back after such a failure.")
    delay: Duration = Field("3m", description="Pause before it comes back.")


class Sla(Declared):
    """A promise to a stakeholder."""

    for_: str = Field(alias="for", description="Who relies on it.")
    fresh_by: str | None = Field(None, description="Local time by which the last due window is published.")
    max_age: Duration | None = Field(None, description="Data is never older than this.")
    contact: str | None = Field(
        None, description="Whom to tell when it is broken: stands beside the promise in notices and lineage."
    )

    @model_validator(mode="after")
    def _promise(self) -> Sla:
        if self.fresh_by is None and self.max_age is None:
            raise ValueError("an sla needs fresh_by or max_age")
        if self.fresh_by is not None and not re.fullmatch(CLOCK, self.fresh_by):
            raise ValueError(f"fresh_by '{self.fresh_by}' isn't a time of day such as 06:00")
        return self

    @property
    def max_age_seconds(self) -> float | None:
        return None if self.max_age is None else seconds(self.max_age)


class Table(Declared):
    """A declared target in the warehouse. Rules between keys are in `rules.py`, which reports them all at once."""

    stands_in: ClassVar = "tables/*.yaml"
    retired: ClassVar = dict.fromkeys(("primary_key", "unique_key", "keys"), "write key: [column, ...]") | {
        "incremental": "write load: {mode: merge} or {mode: replace_window}", "name": "write table: schema.table",
    }  # fmt: skip
    table: QualifiedName = Field(description="schema.table in the warehouse.")
    description: str = Field(description="What one row is; becomes the table's comment.")
    owner: str = Field(description="Who answers for the data.")
    tier: Tier = Field("standard", description="core tables count in failure rate and SLA.")
    source: Source = Field(description="Where rows come from.")
    window: WindowSpec | None = Field(None, description="What one batch covers; none: the whole source at once.")
    schedule: Schedule | None = Field(None, description="When to look.")
    columns: tuple[Column, ...] = Field(min_length=1, description="The contract, in order.")
    key: tuple[Identifier, ...] = Field((), description="Columns that identify a row.")
    load: Load = Field(description="How a batch changes the live table.")
    physical: Physical = Field(default_factory=Physical, description="Redshift's layout.")
    grants: tuple[Identifier, ...] = Field((), description="Groups that may select.")
    retries: Retries = Field(default_factory=Retries, description="Retries of what may pass by itself.")
    sla: tuple[Sla, ...] = Field((), description="Promises about freshness.")
    pii: dict[Identifier, Literal["hash", "hide"]] = Field(
        default_factory=dict, description="hash: stored as a keyed hash; hide: stored as it is, never shown."
    )
    runbook: str | None = Field(None, description="Link for the on-call.")
    tags: tuple[Identifier, ...] = Field((), description="Words to select it by: headgate run tag:finance.")
    reconcile: Reconcile | None = Field(None, description="When the live rows are held against the source again.")
    holidays: dict[date, str] = Field(
        default_factory=dict,
        description="Days off beside weekends, each with its name; in the charts of daily windows they are shaded and held "
        "against weekends.",
    )

    @field_validator("columns")
    @classmethod
    def _not_too_many(cls, columns: tuple[Column, ...]) -> tuple[Column, ...]:
        if len(columns) > MAX_COLUMNS:
            raise ValueError(
                f"{len(columns):,} columns: a table has at most {MAX_COLUMNS:,} on both warehouses; declare two tables with "
                "the key in both"
            )
        return columns

    @property
    def schema_name(self) -> str:
        return self.table.partition(".")[0]

    @property
    def name(self) -> str:
        return self.table.partition(".")[2]

    @property
    def grid(self) -> Grid | None:
        return None if self.window is None else self.window.grid()

    @property
    def names_batches(self) -> bool:
        """Whether its batches have names that people say: of windows, or of objects."""
        return self.window is not None or self.source.has_objects

    @property
    def goes_on(self) -> bool:
        """Whether a load has only what its source has since the one before: what is live came with many loads."""
        return self.source.keeps_state and self.window is None and not self.load.does.replaces_table

    @property
    def adds_news(self) -> bool:
        """Whether each load is a batch of its own, which is appended and begins where the one before ended."""
        return self.goes_on and self.load.does.only_adds

    @property
    def zone(self) -> ZoneInfo:
        """The zone of the table's windows, or where it has none of its schedule: promised times of day are of it."""
        return ZoneInfo(self.window.timezone if self.window else (self.schedule and self.schedule.timezone) or "UTC")

    @property
    def lag(self) -> timedelta:
        """How long after a window's end its source is read."""
        return self.source.lag

    @property
    def window_column(self) -> WindowColumn | None:
        """The column that tells the windows of the live table apart, where they are replaced one by one."""
        name = self.load.window_column
        kind = None if name is None else self.column(name).column_type.kind
        if name is None or self.window is None or kind not in ("date", "timestamp", "timestamptz"):
            return None
        return WindowColumn(name, kind, self.window.timezone)

    @property
    def compared_by(self) -> WindowColumn | None:
        """The column by which the live rows of a window are found again: the one that windows are replaced by, or the cursor
        as the contract stores it. None where nothing tells them apart."""
        if self.window_column is not None or self.window is None or self.source.cut_by is None:
            return self.window_column
        for column in self.columns:
            kind = column.column_type.kind
            named = column.source_name == self.source.cut_by.column and column.name not in self.hashed
            if named and kind in ("date", "timestamp", "timestamptz"):
                return WindowColumn(column.name, kind, self.window.timezone)
        return None

    @property
    def cursor_is_mutable(self) -> bool:
        return self.source.is_mutable

    def column(self, name: str) -> Column:
        """The contract's column of that name; KeyError when there is none."""
        for column in self.columns:
            if column.name == name:
                return column
        raise KeyError(name)

    @property
    def hashed(self) -> frozenset[str]:
        """Columns that are stored as a keyed hash: nothing but their hashes can be judged after the row check."""
        return frozenset(name for name, how in self.pii.items() if how == "hash")

    @property
    def masked(self) -> frozenset[str]:
        """Columns whose values never appear outside the warehouse."""
        return frozenset(self.pii)

    @property
    def fingerprint(self) -> str:
        """A hash of what the declaration says of the rows and the table, recorded with each run. A layout is part of it
        only where loading again is what gives the table another one."""
        if self.load.does.replaces_table or self.physical == Physical():
            return self.fingerprint_with_layout
        return self.model_copy(update={"physical": Physical()}).fingerprint_with_layout

    @property
    def fingerprint_with_layout(self) -> str:
        """The same hash with every layout in it, as it was recorded of all tables before: what is proven with it isn't stale."""
        return hashlib.sha256(self.model_dump_json(exclude=_NOT_OF_THE_ROWS).encode()).hexdigest()[:16]

    @property
    def whole_fingerprint(self) -> str:
        """A hash of everything that is declared: what a deployment is a version of."""
        return hashlib.sha256(self.model_dump_json().encode()).hexdigest()[:16]


def share(text: str) -> float:
    """The number from 0 to 1 that '1%' spells; ValueError otherwise."""
    match = _SHARE.fullmatch(text.strip())
    if match is None or float(match[1]) > 100:
        raise ValueError(f"'{text}' isn't a share; allowed: a percentage such as 1%")
    return float(match[1]) / 100
