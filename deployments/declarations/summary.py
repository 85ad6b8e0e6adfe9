"""The declaration of a summary: one SELECT in a .sql file whose leading comment is a YAML header."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, Literal

from pydantic import Field, field_validator, model_validator

from deployments.bounds import WindowColumn
from deployments.declarations.columns import Column, ColumnName, Encoding, TypeName, parse_type
from deployments.declarations.guard import Guard
from deployments.declarations.kinds import ALLOWED_TYPES
from deployments.declarations.model import Declared, Identifier, QualifiedName
from deployments.declarations.modes import Mode
from deployments.declarations.parsing import parse
from deployments.declarations.problems import KeyPath, Problem
from deployments.declarations.rule_faults import BATCH, QUERY
from deployments.declarations.sql_text import place
from deployments.declarations.suite import DriftPolicy, Rule
from deployments.declarations.summary_statements import Statement, read_statement
from deployments.declarations.summary_window import filled, stand_in
from deployments.declarations.table import Cron, Physical, SchemaChange, Sla, Tier, WindowSpec, share
from deployments.declarations.yaml_source import Document, line_of, read_yaml
from deployments.windows import Grid, Window

if TYPE_CHECKING:
    from deployments.declarations.select import Select

Doubt = Literal["joins", "division", "nulls", "now", "order", "redshift", "postgresql"]
"""What `check` tells of a SELECT and may be meant. joins: rows may come out several times. division: by what may be 0, or of
whole numbers. nulls: empty values drop rows. now: other figures without other inputs. order: any row may come first.
redshift, postgresql: that warehouse doesn't read it."""

Build = Literal["rebuild", "window", "merge"]
"""rebuild: the whole table anew, swapped in. window: the rows of one window after the other, each in the place of those that are
there. merge: the rows of one window after the other, each in the place of the one with its key."""

_MODES: dict[Build, Mode] = {"rebuild": "full_refresh", "window": "replace_window", "merge": "merge"}
HEADER = re.compile(r"\A\s*/\*(?P<yaml>.*?)\*/(?P<sql>.*)\Z", re.DOTALL)


class InputCheck(Declared):
    """What must hold of an input before the summary is built: an expectation, or a SELECT of one number."""

    code: str = Field(pattern=r"^[A-Z][A-Z0-9-]{1,31}$", description="Short and stable.")
    type: str | None = Field(None, description="A Great Expectations expectation on the input table.")
    kwargs: dict[str, Any] = Field(default_factory=dict, description="Its arguments.")
    sql: str | None = Field(None, description="A SELECT that returns one number.")
    equals: float | None = Field(None, description="The number must be this.")
    at_least: float | None = Field(None, description="The number must not be less.")
    at_most: float | None = Field(None, description="The number must not be more.")
    severity: Literal["critical", "warning", "info"] = Field("critical", description="critical stops the build.")
    notes: str | None = Field(None, description="Why it matters, in plain words.")

    @model_validator(mode="after")
    def _one_form(self) -> InputCheck:
        bounds = (self.equals, self.at_least, self.at_most)
        if (self.type is None) == (self.sql is None):
            raise ValueError("a check needs either type (an expectation) or sql")
        if self.sql is not None and all(bound is None for bound in bounds):
            raise ValueError("a check by sql needs equals, at_least or at_most")
        if self.type is not None and any(bound is not None for bound in bounds):
            raise ValueError("equals, at_least and at_most belong to sql; an expectation has kwargs")
        if self.sql is not None and self.kwargs:
            raise ValueError("kwargs belong to type, not to sql; allowed: equals, at_least, at_most")
        if self.equals is not None and (self.at_least is not None or self.at_most is not None):
            raise ValueError("equals says it all; at_least and at_most can't stand beside it")
        if self.at_least is not None and self.at_most is not None and self.at_least > self.at_most:
            raise ValueError(f"at_least ({self.at_least:g}) is greater than at_most ({self.at_most:g})")
        return self


class Balance(Declared):
    """A figure of the result that must be the same as one of the input, such as the sum of all revenue."""

    code: str = Field(pattern=r"^[A-Z][A-Z0-9-]{1,31}$", description="Short and stable.")
    here: str = Field(description="A figure of the built rows, such as SUM(revenue).")
    there: str = Field(description="The figure of the input that it must be, such as SUM(amount).")
    where: str | None = Field(
        None,
        description="Rows of the input that count, such as NOT refunded; by windows: also those of the window.",
    )
    tolerance: str = Field("0%", description="By so much of the input's figure they may differ.")
    severity: Literal["critical", "warning", "info"] = Field("critical", description="critical stops the publish.")
    notes: str | None = Field(None, description="Why it matters, in plain words.")

    @field_validator("tolerance", mode="before")
    @classmethod
    def _share(cls, value: object) -> str:
        share(str(value))
        return str(value)

    def select_of(self, table: str) -> str:
        """The figure of the input."""
        return f"SELECT {self.there} AS n FROM {table}" + (f" WHERE {self.where}" if self.where else "")

    def select_here(self, built: str) -> str:
        """The figure of what was built."""
        return f"SELECT {self.here} AS n FROM {built}"


class Input(Declared):
    """A table the SELECT reads."""

    table: QualifiedName = Field(description="schema.table.")
    checks: tuple[InputCheck, ...] = Field((), description="Checked before the build.")
    balances: tuple[Balance, ...] = Field((), description="Figures of the result held against those of this table.")


class OutputColumn(Declared):
    """One column that the SELECT makes."""

    name: ColumnName = Field(description="As the SELECT calls it.")
    type: TypeName = Field(description=f"One of {ALLOWED_TYPES}.")
    nullable: bool = Field(True, description="False: a build with a row without a value isn't published.")
    unit: str | None = Field(None, description="What the number counts, such as USD or seconds; for reports.")
    description: str | None = Field(None, description="What it means; becomes the column's comment.")
    encode: Encoding | None = Field(None, description="Redshift column encoding, such as az64 or zstd.")
    metric: Identifier | None = Field(
        None,
        description="The metric of `metrics.yaml` that it is: held against every other summary that has it, at each build.",
    )
    dimension: Identifier | None = Field(
        None, description="What a column of the key is called across summaries, where its own name is another one; day, week, "
        "month, quarter and year are spans of the calendar.",
    )  # fmt: skip

    @property
    def contract(self) -> Column:
        """The same as a table's column: its moments are UTC, as all that is stored."""
        zone = "UTC" if parse_type(self.type).kind == "timestamp" else None
        return Column(**self.model_dump(exclude={"metric", "dimension"}), source_timezone=zone)


class Summary(Declared):
    """A table made by SQL from other tables."""

    stands_in: ClassVar = "the header of summaries/*.sql"
    target: QualifiedName = Field(description="schema.table that is built and swapped in.")
    description: str = Field(description="What one row is.")
    owner: str = Field(description="Who answers for the figures.")
    tier: Tier = Field("standard", description="core summaries count in failure rate and SLA.")
    inputs: tuple[Input, ...] = Field(min_length=1, description="Tables the SELECT reads, with their checks.")
    expectations: tuple[Rule, ...] = Field((), description="Checks of the built table, before the swap.")
    mode: Build = Field(
        "rebuild",
        description="rebuild: the whole table anew. window: window by window, each replacing its rows. merge: window by window, "
        "each replacing the rows of its keys.",
    )
    window: WindowSpec | None = Field(
        None, description="mode window and merge: what one build covers; {window.start} and {window.end} in the SELECT."
    )
    window_column: Identifier | None = Field(None, description="mode window: the column whose values are the window.")
    before_publish: tuple[str, ...] = Field(
        (), description="Statements in the publish's transaction before the rows change: ANALYZE, GRANT SELECT or DELETE ... "
        "WHERE on the target.",
    )  # fmt: skip
    after_publish: tuple[str, ...] = Field((), description="The same after the rows have changed.")
    columns: tuple[OutputColumn, ...] = Field(
        (),
        description="The contract of the result, in the SELECT's order; without it, types are what the warehouse makes.",
    )
    on_schema_change: SchemaChange = Field(
        default_factory=SchemaChange,
        description="What to do when columns and the live table differ, as load.on_schema_change of a table that is refreshed "
        "as a whole; added and reordered mean nothing here.",
    )
    drift: DriftPolicy | None = Field(
        None,
        description="Each build is held against the builds before it, each window against the windows before it, as batches of a "
        "table are; without it that isn't done.",
    )
    pii: dict[Identifier, Literal["hide"]] = Field(
        default_factory=dict, description="hide: the column's values are never shown in reports, notices and trials."
    )
    after: tuple[QualifiedName, ...] = Field((), description="Rebuilt when one of these is published; default: inputs.")
    schedule: Cron | None = Field(None, description="Instead of after: when to rebuild.")
    key: tuple[Identifier, ...] = Field((), description="Columns that identify a row; checked to be unique.")
    grants: tuple[Identifier, ...] = Field((), description="Groups that may select.")
    physical: Physical = Field(default_factory=Physical, description="Redshift's layout.")
    metrics: dict[Identifier, str] = Field(default_factory=dict, description="Definition of each figure column.")
    generations: int = Field(2, ge=0, le=30, description="How many publishes can be undone.")
    shrink_guard: str | None = Field(
        None,
        description="mode rebuild: the build isn't published when the table would lose more than this share of its rows.",
    )
    allow_empty: bool = Field(False, description="An empty result may replace a table with rows.")
    sla: tuple[Sla, ...] = Field((), description="Promises about freshness.")
    written_for: Literal["redshift"] | None = Field(
        None,
        description="redshift: the SQL means what Redshift makes of it, on PostgreSQL too: there it is rewritten where that is "
        "proven, and refused where not. Without it the warehouse gets it as it stands.",
    )
    allow: dict[Doubt, str] = Field(
        default_factory=dict,
        description="Kinds of notes of `headgate check` that aren't told for this SELECT, and why.",
    )
    guard: Guard = Field(default_factory=Guard, description="What a build may cost the warehouse.")
    runbook: str | None = Field(None, description="Link for the on-call.")
    tags: tuple[Identifier, ...] = Field((), description="Words to select it by: headgate run tag:finance.")
    sql: str = Field(description="The SELECT; taken from below the header.")

    @field_validator("shrink_guard", mode="before")
    @classmethod
    def _share(cls, value: object) -> str | None:
        if value is not None:
            share(str(value))
        return None if value is None else str(value)

    @property
    def definitions(self) -> dict[str, str]:
        """What each figure column means: in a sentence of its own, or by its metric."""
        named = {column.name: column.description or "" for column in self.columns if column.metric is not None}
        return {**self.metrics, **named}

    @property
    def may_lose(self) -> float | None:
        """The share of its rows that a build may take out of the table; None: all of them."""
        if self.allow_empty:
            return None
        return 0.999999 if self.shrink_guard is None else share(self.shrink_guard)

    @property
    def schema_name(self) -> str:
        return self.target.partition(".")[0]

    @property
    def name(self) -> str:
        return self.target.partition(".")[2]

    @property
    def contract(self) -> tuple[Column, ...]:
        """The declared columns as those of a table; () without them."""
        return tuple(column.contract for column in self.columns)

    def statements_of(self, written: Sequence[str], window: Window | None) -> tuple[Statement, ...]:
        """Those of `before_publish` or `after_publish` with the moments of a window, as they were judged by `check`."""
        return tuple(read_statement(self.with_moments(text, window), self.target) for text in written)

    @property
    def grid(self) -> Grid | None:
        return None if self.window is None else self.window.grid()

    @property
    def load_mode(self) -> Mode:
        """How a build changes the live table, as loads of tables call it."""
        return _MODES[self.mode]

    @property
    def replaced_by(self) -> WindowColumn | None:
        """The column by which the live rows of a window are found, where they are replaced window by window."""
        if self.window is None or self.mode != "window":
            return None
        kind = next(column.contract.column_type.kind for column in self.columns if column.name == self.window_column)
        assert kind in ("date", "timestamp", "timestamptz")
        return WindowColumn(str(self.window_column), kind, self.window.timezone)

    @property
    def text(self) -> str:
        """The SELECT as readers of texts know SQL: dates stand where the moments of a window are to be."""
        return stand_in(self.sql)

    def statement(self, window: Window | None = None) -> str:
        """The SELECT as the warehouse gets it, of a window where it has them; None: of any, to learn what it makes."""
        return self.with_moments(self.sql, window)

    def with_moments(self, sql: str, window: Window | None) -> str:
        """Some SQL of the summary with the moments of a window, or of any."""
        if self.window is None:
            return sql
        return filled(sql, window or self.window.grid().nth(0), self.window.timezone)

    def label_of(self, window: Window | None) -> str:
        """What people call a window; nothing of what has none."""
        grid = self.grid
        return "" if window is None or grid is None else grid.label(window)

    @property
    def masked(self) -> frozenset[str]:
        """Columns whose values never appear outside the warehouse."""
        return frozenset(self.pii)

    @property
    def triggers(self) -> tuple[str, ...]:
        """Tables whose publish makes this summary stale."""
        return self.after or tuple(item.table for item in self.inputs)

    @property
    def fingerprint(self) -> str:
        """A hash of header and SQL, recorded with each run; of nothing that changes neither table nor checks."""
        # Without defaults: a key that a later version of headgate knows builds nothing anew.
        said = self.model_dump_json(exclude={"tags", "allow", "guard"}, exclude_defaults=True)
        return hashlib.sha256(said.encode()).hexdigest()[:16]


def statements(
    summary: Summary, built: str | None = None, read: Callable[[str], str] = stand_in
) -> Iterator[tuple[KeyPath, str, str | None]]:
    """Every SQL of a summary: where it stands in the header (the SELECT itself at `sql`), its text, and the table that the
    text may read without naming it as an input: the one a rule by query judges. `built`: the table that was built; before
    it is, the target stands for it. `read`: what becomes of the moments of a window."""
    yield ("sql",), read(summary.sql), None
    for n, item in enumerate(summary.inputs):
        for m, check in enumerate(item.checks):
            place = ("inputs", n, "checks", m)
            if check.sql is not None:
                yield (*place, "sql"), read(check.sql), None
            yield from _by_query(place, check.kwargs, item.table)
        for m, balance in enumerate(item.balances):
            yield ("inputs", n, "balances", m, "there"), read(balance.select_of(item.table)), None
            judged = built or summary.target
            yield ("inputs", n, "balances", m, "here"), read(balance.select_here(judged)), judged
    for n, rule in enumerate(summary.expectations):
        yield from _by_query(("expectations", n), rule.kwargs, built or summary.target)


def _by_query(place: KeyPath, kwargs: Mapping[str, object], table: str) -> Iterator[tuple[KeyPath, str, str]]:
    query = kwargs.get(QUERY)
    if isinstance(query, str):
        yield (*place, "kwargs", QUERY), query.replace(BATCH, table), table


@dataclass(frozen=True, slots=True)
class SqlPlace:
    """A SELECT, and the line and column of its file it begins at, both from 0 and 1 as `place` counts them."""

    text: str
    line: int
    column: int

    def of(self, start: int) -> tuple[int, int]:
        """Line and column of the file, both from 1, of a character of the SELECT."""
        line, column = place(self.text, start)
        return self.line + line + 1, column if line else self.column + column - 1


@dataclass(frozen=True, slots=True)
class SummaryFile:
    """A .sql file that could be read: its header as YAML with places, and the summary if the header is sound."""

    header: Document
    header_line: int
    summary: Summary | None
    select: Select | None
    where: SqlPlace


def read_summary(file: Path, problems: list[Problem]) -> SummaryFile | None:
    """Read one .sql file; faults are appended to `problems`."""
    try:
        text = file.read_text(encoding="utf-8")
    except UnicodeDecodeError as error:
        problems.append(Problem(file, 0, "", f"isn't UTF-8 text (byte {error.start})"))
        return None
    match = HEADER.match(text)
    if match is None:
        problems.append(Problem(file, 1, "", "must begin with a YAML header in a /* ... */ comment",
                                allowed="a header; out of this folder, `headgate summary new FILE` drafts one"))  # fmt: skip
        return None
    first_line = text[: match.start("yaml")].count("\n") + 1
    data = read_yaml(file, problems, text=match["yaml"], first_line=first_line)
    if data is None:
        return None
    sql = match["sql"].strip().rstrip(";").strip()
    # Imported here: its grammar takes as long as all declarations of a project without summaries.
    from deployments.declarations.select import read_select

    select, faults = read_select(stand_in(sql))
    where = SqlPlace(sql, *place(text, match.end("sql") - len(match["sql"].lstrip())))
    for fault in faults:
        line, column = where.of(fault.start)
        problems.append(
            Problem(file, line, "sql", fault.message, allowed=fault.allowed, nearest=fault.nearest, column=column)
        )
    summary = _summary(file, data, sql, first_line, problems)
    return SummaryFile(data, first_line, None if faults else summary, select, where)


def _summary(file: Path, data: Document, sql: str, first_line: int, problems: list[Problem]) -> Summary | None:
    stray = "sql" in data
    if stray:
        line = line_of(data, ("sql",), first_line)
        problems.append(Problem(file, line, "sql", "stands below the header, not in it", allowed="the SELECT below it"))
    data["sql"] = sql
    summary = parse(Summary, data, file, problems, first_line=first_line)
    return None if stray else summary
