"""A trouble is what is wrong at this moment; an incident is its life: opened, told, answered, over. Plain data."""

from __future__ import annotations

from datetime import datetime
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field

from deployments.errors import Family

Severity = Literal["critical", "major", "minor"]
Domain = Literal["run", "late", "prefect", "warehouse", "decisions"]
State = Literal["open", "acknowledged", "recovered", "resolved", "folded"]

ORDER: tuple[Severity, ...] = ("critical", "major", "minor")
SEVERITY_OF_TIER: dict[str, Severity] = {"core": "critical", "standard": "major", "experimental": "minor"}
THE_WAREHOUSE = "the warehouse"
MANY = "several tables"
"""The scope of an incident that holds many tables which failed alike at the same time."""


class _Kept(BaseModel):
    """Kept as JSON in `ops` and on disk, and read by later versions: unknown keys are ignored."""

    model_config = ConfigDict(frozen=True, extra="ignore")


class Trouble(_Kept):
    """Something that is wrong now. `scope` is a table, or what several tables have in common ('the warehouse').

    `since` is when it began, `latest` when it was last seen to happen. `domain` says which look finds it: a trouble that
    isn't found any more is over only if that look was possible. `details` are lines for people, free of personal data.
    `late`: promises that are broken by it, in words. `foreseen`: none is broken yet. `depends_on`: tables it may come from.
    """

    scope: str
    code: str
    domain: Domain
    family: Family
    severity: Severity
    message: str
    since: datetime
    latest: datetime
    tables: tuple[str, ...] = ()
    times: int = 1
    label: str = ""
    step: str = ""
    run_id: str = ""
    flow_run_id: str | None = None
    next_command: str | None = None
    details: tuple[str, ...] = ()
    depends_on: tuple[str, ...] = ()
    late: tuple[str, ...] = ()
    foreseen: bool = False

    @property
    def key(self) -> tuple[str, str]:
        """What an incident is one of."""
        return (self.scope, self.code)


class Incident(_Kept):
    """The life of a trouble, one per scope and code.

    `told_at` None: nobody has been told yet. `begun_at` is when the trouble last began: after a recovery it may begin again
    (`again` times; `longest_away` seconds; `return_told`: people know that it comes back; `over_told`: they were told that
    it was over). `quiet_since`: not seen since then, and not yet called over. `late_told`: promises whose breach was told in
    its thread; `told_tables`: how many tables were. `called_at`: when somebody was reminded or called last. `bundle`: the id
    of the message that told it with others. `threads`: by channel, the message that the others answer to. Folded: it goes on
    as one of many.
    """

    incident_id: str
    trouble: Trouble
    state: State = "open"
    opened_at: datetime
    begun_at: datetime
    told_at: datetime | None = None
    bundled: bool = False
    bundle: str = ""
    told_tables: int = 0
    reminders: int = 0
    called_at: datetime | None = None
    escalated_at: datetime | None = None
    acknowledged_at: datetime | None = None
    acknowledged_by: str = ""
    silenced_until: datetime | None = None
    again: int = 0
    longest_away: float = 0
    return_told: bool = False
    over_told: bool = False
    quiet_since: datetime | None = None
    closed_at: datetime | None = None
    closed_by: str = ""
    reason: str = ""
    late_told: tuple[str, ...] = ()
    changed_at: datetime
    threads: dict[str, str] = Field(default_factory=dict)

    @property
    def active(self) -> bool:
        return self.state in ("open", "acknowledged")

    @property
    def key(self) -> tuple[str, str]:
        return self.trouble.key

    def silenced(self, now: datetime) -> bool:
        return self.silenced_until is not None and now < self.silenced_until
