"""The story of one run, as plain data: what reports, notices, `--json` and the ops tables are all made from.

A record holds counts, verdicts, sentences and keys; never a value of a masked column, never a secret.
"""

from __future__ import annotations

from datetime import datetime
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field

Status = Literal[
    "running", "published", "warned", "unchanged", "already_published", "checked", "failed", "waiting", "held"
]
"""`held`: the source still has what was rolled back, so that it wasn't loaded again."""
RunKind = Literal["ingest", "summary", "replay", "rollback", "override"]
RECORD_VERSION = 1


class _Recorded(BaseModel):
    model_config = ConfigDict(frozen=True, extra="ignore")


class Step(_Recorded):
    """One verb of the run: rows in and out, seconds, and one line for people."""

    name: str
    seconds: float
    rows: int | None = None
    line: str = ""


class QuarantineReason(_Recorded):
    """Rows set aside for one reason. `examples`: a few of them as they arrived, bounded; none of a table with masked columns.
    `names`: those of the fields of an example, written as it is; '' without examples.
    """

    code: str
    column: str | None
    rows: int
    sentence: str
    examples: tuple[str, ...] = ()
    names: str = ""


class RuleResult(_Recorded):
    """One rule's verdict; `place` says what was judged: the rows in memory, the candidate, an input table."""

    code: str
    type: str
    sentence: str
    severity: Literal["critical", "warning", "info"]
    outcome: Literal["pass", "fail", "error", "skipped"]
    place: Literal["batch", "candidate", "input"]
    owner: str | None = None
    notes: str | None = None
    column: str | None = None
    expected: Any = None
    observed: Any = None
    rows_checked: int | None = None
    rows_failed: int | None = None
    failing_keys: tuple[dict[str, Any], ...] = ()
    message: str = ""
    overridden_by: str | None = None


class DriftAlert(_Recorded):
    """A figure that its history doesn't explain. `under`: the column ("table" for the table as a whole) of the alert whose cause
    explains this one as well; such alerts stand behind the others.
    """

    column: str | None
    kind: str
    level: Literal["page", "digest"]
    score: float
    message: str
    expected: Any = None
    observed: Any = None
    since: str | None = None
    examples: tuple[Any, ...] = ()
    smallest_change: str | None = None
    cause: str | None = None
    confidence: float | None = None
    under: str | None = None

    @property
    def place(self) -> str:
        """The column as `under` names it."""
        return self.column or "table"


class WouldBeTold(_Recorded):
    """From which change of a figure on the next batch is told, at the latest; others of its column may tell it earlier.
    `rule`: what to write into the suite where that is coarse. `further`: by how many times that lies further away, as an owner
    said that such changes are not interesting; None where nobody did.
    """

    column: str | None
    kind: str
    figure: str
    usual: str
    told: str
    rule: str | None = None
    further: float | None = None


class Drift(_Recorded):
    """The drift detector's verdict on the batch.

    `history` counts the batches it was compared with; `left_out` names published ones whose page nobody has answered,
    `without` the windows before it that nothing stood of when it was judged.
    """

    verdict: str
    score: float
    history: int = 0
    left_out: tuple[str, ...] = ()
    without: tuple[str, ...] = ()
    policy: Literal["warn", "stop"] = "warn"
    alerts: tuple[DriftAlert, ...] = ()
    bands: dict[str, Any] = Field(default_factory=dict)
    noticed: tuple[WouldBeTold, ...] = ()

    @property
    def leading(self) -> tuple[DriftAlert, ...]:
        """The alerts that stand by themselves: not those that the cause of another explains."""
        return tuple(alert for alert in self.alerts if alert.under is None)

    def folded_under(self, lead: DriftAlert) -> tuple[DriftAlert, ...]:
        """The alerts that the cause of this one explains as well."""
        if lead.cause is None or lead.under is not None:
            return ()
        return tuple(alert for alert in self.alerts if alert.under == lead.place)


class Failure(_Recorded):
    """Why the run failed, for people and for grouping."""

    code: str
    family: Literal["code", "declaration", "upstream", "retryable"]
    step: str
    message: str
    who_must_act: str
    next_command: str | None = None
    facts: dict[str, Any] = Field(default_factory=dict)


class RunRecord(_Recorded):
    """Everything that is told of one run of one table or summary."""

    version: int = RECORD_VERSION
    run_id: str
    table: str
    kind: RunKind
    mode: str
    batch_key: str
    label: str
    window_start: datetime | None = None
    window_end: datetime | None = None
    status: Status
    started_at: datetime
    finished_at: datetime | None = None
    description: str = ""
    owner: str = ""
    tier: str = "standard"
    steps: tuple[Step, ...] = ()
    counts: dict[str, int] = Field(default_factory=dict)
    accounting: str = ""
    bytes_staged: int = 0
    warnings: tuple[str, ...] = ()
    overrides: tuple[str, ...] = ()
    quarantine: tuple[QuarantineReason, ...] = ()
    rules: tuple[RuleResult, ...] = ()
    drift: Drift | None = None
    schema_columns: tuple[dict[str, Any], ...] = ()
    metrics: dict[str, str] = Field(default_factory=dict)
    profile: dict[str, Any] | None = None
    failure: Failure | None = None
    sequence: int | None = None
    source: str = ""
    sql: str = ""
    """The SELECT of a summary that ran, where it isn't the one that was written."""
    stage_uri: str = ""
    fingerprint: str = ""
    declaration_hash: str = ""
    suite_hash: str = ""
    attempt_id: str = ""
    flow_run_id: str | None = None
    attempt: int = 1
    report_url: str | None = None

    @property
    def seconds(self) -> float:
        """Wall time of the run so far."""
        return 0.0 if self.finished_at is None else (self.finished_at - self.started_at).total_seconds()

    @property
    def is_failure(self) -> bool:
        return self.status == "failed"

    @property
    def failed_rules(self) -> tuple[RuleResult, ...]:
        return tuple(rule for rule in self.rules if rule.outcome in ("fail", "error"))
