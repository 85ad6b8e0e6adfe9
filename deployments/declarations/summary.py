"""The declaration of a summary: one SELECT in a .sql file whose leading comment is a YAML header."""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from pydantic import Field, model_validator

from deployments.declarations.model import Declared, Identifier, QualifiedName
from deployments.declarations.problems import Problem
from deployments.declarations.suite import DriftPolicy, Rule
from deployments.declarations.table import Physical, Schedule, Sla, Tier
from deployments.declarations.yaml_source import Document, line_of, parse, read_yaml

_HEADER = re.compile(r"\A\s*/\*(?P<yaml>.*?)\*/(?P<sql>.*)\Z", re.DOTALL)
# Read in one go: a comment may hold a quote, and a text may hold what looks like a comment.
_TEXT_OR_COMMENT = re.compile(r"'(?:[^']|'')*'|\"[^\"]*\"|--[^\n]*|/\*.*?\*/", re.DOTALL)


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
        return self


class Input(Declared):
    """A table the SELECT reads."""

    table: QualifiedName = Field(description="schema.table.")
    checks: tuple[InputCheck, ...] = Field((), description="Checked before the build.")


class Summary(Declared):
    """A table made by SQL from other tables."""

    target: QualifiedName = Field(description="schema.table that is built and swapped in.")
    description: str = Field(description="What one row is.")
    owner: str = Field(description="Who answers for the figures.")
    tier: Tier = Field("standard", description="core summaries count in failure rate and SLA.")
    inputs: tuple[Input, ...] = Field(min_length=1, description="Tables the SELECT reads, with their checks.")
    expectations: tuple[Rule, ...] = Field((), description="Checks of the built table, before the swap.")
    drift: DriftPolicy = Field(default_factory=DriftPolicy, description="Policy for drift of the output.")
    after: tuple[QualifiedName, ...] = Field((), description="Rebuilt when one of these is published; default: inputs.")
    schedule: Schedule | None = Field(None, description="Instead of after: when to rebuild.")
    key: tuple[Identifier, ...] = Field((), description="Columns that identify a row; checked to be unique.")
    grants: tuple[Identifier, ...] = Field((), description="Groups that may select.")
    physical: Physical = Field(default_factory=Physical, description="Redshift's layout.")
    metrics: dict[Identifier, str] = Field(default_factory=dict, description="Definition of each figure column.")
    generations: int = Field(2, ge=0, le=30, description="How many publishes can be undone.")
    allow_empty: bool = Field(False, description="An empty result may replace a table with rows.")
    sla: tuple[Sla, ...] = Field((), description="Promises about freshness.")
    runbook: str | None = Field(None, description="Link for the on-call.")
    tags: tuple[Identifier, ...] = Field((), description="Words to select it by: headgate run tag:finance.")
    sql: str = Field(description="The SELECT; taken from below the header.")

    @property
    def schema_name(self) -> str:
        return self.target.partition(".")[0]

    @property
    def name(self) -> str:
        return self.target.partition(".")[2]

    @property
    def triggers(self) -> tuple[str, ...]:
        """Tables whose publish makes this summary stale."""
        return self.after or tuple(item.table for item in self.inputs)

    @property
    def fingerprint(self) -> str:
        """A hash of header and SQL, recorded with each run."""
        return hashlib.sha256(self.model_dump_json(exclude={"tags"}).encode()).hexdigest()[:16]


@dataclass(frozen=True, slots=True)
class SummaryFile:
    """A .sql file that could be read: its header as YAML with places, and the summary if the header is sound."""

    header: Document
    header_line: int
    summary: Summary | None


def read_summary(file: Path, problems: list[Problem]) -> SummaryFile | None:
    """Read one .sql file; faults are appended to `problems`."""
    try:
        text = file.read_text(encoding="utf-8")
    except UnicodeDecodeError as error:
        problems.append(Problem(file, 0, "", f"isn't UTF-8 text (byte {error.start})"))
        return None
    match = _HEADER.match(text)
    if match is None:
        problems.append(Problem(file, 1, "", "must begin with a YAML header in a /* ... */ comment"))
        return None
    first_line = text[: match.start("yaml")].count("\n") + 1
    data = read_yaml(file, problems, text=match["yaml"], first_line=first_line)
    if data is None:
        return None
    return SummaryFile(data, first_line, _summary(file, text, match, data, first_line, problems))


def _summary(
    file: Path, text: str, match: re.Match[str], data: Document, first_line: int, problems: list[Problem]
) -> Summary | None:
    sql_line = text[: match.start("sql")].count("\n") + 1
    sql = match["sql"].strip().rstrip(";").strip()
    faults = [Problem(file, sql_line, "sql", fault) for fault in _sql_faults(sql)]
    if "sql" in data:
        line = line_of(data, ("sql",), first_line)
        faults.append(Problem(file, line, "sql", "stands below the header, not in it"))
    problems.extend(faults)
    data["sql"] = sql
    summary = parse(Summary, data, file, problems, first_line=first_line)
    return None if faults else summary


def _sql_faults(sql: str) -> list[str]:
    bare = _TEXT_OR_COMMENT.sub(lambda match: "''" if match[0][0] in "'\"" else " ", sql).strip()
    if not re.match(r"(?is)^(select|with)\b", bare):
        return ["must be one SELECT (or WITH ... SELECT)"]
    if ";" in bare:
        return ["must be one statement; found a ';' inside"]
    if re.search(r"(?i)\bselect\s+\*", bare):
        return ["must list its columns: SELECT * changes the table when an input changes"]
    return []
