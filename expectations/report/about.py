"""What the declarations say of a table or summary, as far as a reader of the report needs it."""

from __future__ import annotations

from datetime import date, datetime
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from deployments.windows import Grid


class Kept(BaseModel):
    """Base of everything that is kept as JSON."""

    model_config = ConfigDict(frozen=True, extra="ignore")


class Column(Kept):
    """A column of the contract."""

    name: str
    type: str
    nullable: bool = True
    unit: str | None = None
    description: str | None = None
    masked: bool = False
    key: bool = False
    metric: str | None = None
    metric_name: str | None = None


class Reader(Kept):
    """A dashboard, a model or another consumer of a table; `columns` () where it reads the whole table. `through`: the summary
    that it reads in place of the table, '' for none.
    """

    name: str
    kind: str
    owner: str
    url: str | None = None
    columns: tuple[str, ...] = ()
    through: str = ""


class DeclaredRule(Kept):
    """A rule of the suite, in a plain sentence."""

    code: str
    sentence: str
    severity: str
    owner: str = ""
    notes: str | None = None
    meta: dict[str, Any] = Field(default_factory=dict)
    sets_aside: bool = False
    tolerance: float | None = None
    place: str = "batch"


class Promise(Kept):
    """A promise to a stakeholder about freshness. `fresh_by` is a local time of `timezone`."""

    stakeholder: str
    fresh_by: str | None = None
    max_age_seconds: float | None = None
    contact: str | None = None


class WindowGrid(Kept):
    """The windows a table is loaded by."""

    every: str
    timezone: str
    start: datetime
    end: datetime | None = None

    @property
    def grid(self) -> Grid:
        return Grid(self.every, self.timezone, self.start, self.end)


class Below(Kept):
    """A table with windows below a summary."""

    table: str
    window: WindowGrid
    lag_seconds: float = 0


class Described(Kept):
    """What the declarations say of a table or summary, as far as a reader of the report needs it. `declared` False: they say
    nothing any more, and it is known from its runs only.
    """

    table: str
    declared: bool = True
    kind: Literal["table", "summary"] = "table"
    description: str = ""
    owner: str = ""
    tier: str = "standard"
    mode: str = ""
    source: str = ""
    columns: tuple[Column, ...] = ()
    rules: tuple[DeclaredRule, ...] = ()
    rules_about: str | None = None
    metrics: dict[str, str] = Field(default_factory=dict)
    metric_names: dict[str, str] = Field(default_factory=dict)
    consumers: tuple[Reader, ...] = ()
    inputs: tuple[str, ...] = ()
    dependents: tuple[str, ...] = ()
    readers: tuple[str, ...] = ()
    below: tuple[Below, ...] = ()
    sql: str = ""
    drift_policy: str = "warn"
    promises: tuple[Promise, ...] = ()
    window: WindowGrid | None = None
    holidays: dict[date, str] = Field(default_factory=dict)
    lag_seconds: float = 0
    timezone: str = "UTC"
    cron: str | None = None
    runbook: str | None = None
