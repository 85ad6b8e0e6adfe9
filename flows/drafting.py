"""Draft a table's two files from a look at its source, and prove them on the records that were read."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from zoneinfo import ZoneInfo

from deployments.declarations.parsing import parse
from deployments.declarations.problems import Problem
from deployments.declarations.rules import table_faults
from deployments.declarations.suite import Suite, check_suite
from deployments.declarations.table import Table
from deployments.declarations.yaml_source import read_yaml
from deployments.errors import CodeError, DeclarationError
from deployments.project import Project
from deployments.windows import Window
from expectations.contract.layout import lay_out
from expectations.contract.part_check import PartChecker
from expectations.draft.loading import Grid, Loading, by_address, by_cursor, by_object, whole_source
from expectations.draft.naming import identifier_of
from expectations.draft.suite_text import suite_text
from expectations.draft.table_text import DECIDE, Naming, table_text
from expectations.rows.compile import RowRule
from flows.looking import Looked, Wanted, work_folder
from tasks.sources.opening import as_database
from tasks.sources.spoken import holds_secret


@dataclass(frozen=True, slots=True)
class Draft:
    """The two files, and what the contract they hold makes of the records that were read."""

    table: str
    table_text: str
    suite_text: str
    rows: int
    set_aside: Counter[tuple[str, str | None]]
    window: str | None

    @property
    def to_decide(self) -> int:
        """Lines that wait for a person (the heading that explains the word aside)."""
        return sum(f"{DECIDE}:" in line for text in (self.table_text, self.suite_text) for line in text.splitlines())


def full_name(project: Project | None, name: str) -> str:
    """`schema.table` of a new table; a bare name gets the schema most tables of the project have, else raw_data."""
    if "." in name:
        return name
    schemas = Counter(table.schema_name for table in project.tables.values()) if project else Counter[str]()
    return f"{schemas.most_common(1)[0][0] if schemas else 'raw_data'}.{name}"


def draft(looked: Looked, wanted: Wanted, table_name: str, owner: str | None, cursor: str | None) -> Draft:
    """The draft of a table. DeclarationError when the address holds a secret, or the cursor isn't a date or time."""
    if holds_secret(looked.source):
        raise DeclarationError(
            "the address holds a password or a token, which must not stand in a declaration",
            code="SECRET-IN-ADDRESS",
            next_command="export HEADGATE_CONNECTION_NAME=https://user:...@host   (then: --source connection:NAME/path)",
        )
    loading = _loading(looked, wanted, cursor)
    text = table_text(naming_of(looked, table_name, owner), looked.source, looked.proposal, loading)
    # What is new since yesterday may be nothing: a quiet day is no reason to stop.
    may_be_empty = looked.sample.absent > 0 or cursor is not None
    suite = suite_text(table_name, looked.proposal, may_be_empty=may_be_empty)
    table = _checked(table_name, text, suite)
    label = None
    if table.grid is not None and looked.windows:
        label = table.grid.label(looked.windows[0])
    aside = _set_aside(looked, table)
    return Draft(table_name, text, suite, looked.sample.rows + looked.sample.unreadable.total(), aside, label)


def naming_of(looked: Looked, table_name: str, owner: str | None) -> Naming:
    """What stands in the file about the source: the name of a connection, and never the host behind it."""
    source, sample = looked.source, looked.sample
    where = looked.reader.where
    if source.connection is not None:
        where = f"connection:{source.connection}{source.address or ''}"
    elif source.address is not None and (looked.windows or source.has_objects):
        where = source.address
    if len(looked.windows) > 1:
        where += f", {sample.looked_for} windows"
    absent = f"{sample.absent} of {sample.looked_for}" if sample.absent else None
    return Naming(table_name, where, owner, absent)


def target_files(project: Path, table: str, *, force: bool) -> tuple[Path, Path]:
    """Where the two files go; DeclarationError when one is there already."""
    name = table.partition(".")[2]
    files = (project / "tables" / f"{name}.yaml", project / "suites" / f"{name}.yaml")
    there = [file for file in files if file.exists()]
    if there and not force:
        raise DeclarationError(
            f"{', '.join(str(file) for file in there)} is there already; nothing was written",
            code="DRAFT-EXISTS",
            next_command=f"headgate new {table} --source SOURCE --force",
        )
    return files


def write_draft(made: Draft, files: tuple[Path, Path]) -> None:
    """Write the two files of a draft."""
    for file, text in zip(files, (made.table_text, made.suite_text), strict=True):
        file.parent.mkdir(exist_ok=True)
        file.write_text(text, encoding="utf-8")


def _loading(looked: Looked, wanted: Wanted, cursor: str | None) -> Loading:
    zone = wanted.zone or "UTC"
    source = looked.source
    database = as_database(source, looked.reader)
    if database is None:
        if cursor is not None:
            raise DeclarationError(
                "--cursor belongs to a query",
                code="SOURCE",
                next_command="headgate new --help",
            )
        if source.has_objects:
            return by_object(looked.proposal)
        if not looked.windows:
            return whole_source(keeps_state=source.keeps_state)
        start = looked.windows[0].start.astimezone(ZoneInfo(zone)).replace(tzinfo=None)
        text = start.date().isoformat() if start.hour == start.minute == 0 else start.isoformat(sep=" ")
        grid = Grid(wanted.every, zone, text, zone_is_known=wanted.zone is not None)
        return by_address(looked.proposal, grid, _inside(looked, zone))
    if cursor is None:
        return whole_source()
    name = identifier_of(cursor)
    moments = [column.name for column in looked.proposal.columns if column.is_moment]
    if name not in moments:
        raise DeclarationError(
            f"--cursor {cursor} isn't a date or time of the query; those are: {', '.join(moments) or 'none'}",
            code="SOURCE", next_command="headgate new --help",
        )  # fmt: skip
    day = database.first_day(looked.proposal.column(name).facts.name)
    if day is not None and wanted.every == "month":
        day = day.replace(day=1)
    grid = Grid(wanted.every, zone, "2024-01-01" if day is None else day.isoformat(), wanted.zone is not None)
    return by_cursor(looked.proposal, name, grid)


def _inside(looked: Looked, zone: str) -> Sequence[str]:
    """Columns of dates or times whose values all lie in the windows that were read."""
    span = Window(looked.windows[0].start, looked.windows[-1].end)
    found = []
    for column in looked.proposal.columns:
        if column.is_moment and not column.personal and column.facts.filled == column.facts.rows:
            position = looked.sample.header.index(column.facts.name)
            if looked.records.outside(position, column.contract, span, zone) == 0:
                found.append(column.name)
    return found


def _checked(table_name: str, table_yaml: str, suite_yaml: str) -> Table:
    """The table, if both files are what `headgate check` calls right; a draft that isn't is a fault of ours."""
    name = table_name.partition(".")[2]
    problems: list[Problem] = []
    file = Path("tables") / f"{name}.yaml"
    table = parse(Table, read_yaml(file, problems, text=table_yaml), file, problems)
    suite = parse(Suite, read_yaml(file, problems, text=suite_yaml), Path("suites") / f"{name}.yaml", problems)
    if table is None or suite is None or problems:
        for problem in problems:
            if problem.key == "table":
                # The name was typed, not drafted: it stands in no file that `check` would read.
                fit = ".".join(identifier_of(part) or "NAME" for part in table_name.split(".", 1))
                raise DeclarationError(
                    problem.message, code="DECLARATION", next_command=f"headgate new {fit} --source SOURCE"
                )
        raise CodeError(
            "the draft isn't right: " + "; ".join(str(problem) for problem in problems), code="DRAFT",
            next_command="report this; nothing was written",
        )  # fmt: skip
    faults = [fault.message for fault in table_faults(table)]
    faults += [message for _, message in check_suite(suite, [column.name for column in table.columns], table.hashed)]
    if faults:
        raise CodeError("the draft isn't right: " + "; ".join(faults), code="DRAFT",
                        next_command="report this; nothing was written")  # fmt: skip
    return table


def _set_aside(looked: Looked, table: Table) -> Counter[tuple[str, str | None]]:
    """What the contract sets aside of the records that were read, by reason and column."""
    sample, folder = looked.sample, work_folder(looked)
    layout = lay_out(table, sample.header, sample.delimiter, sample.where)
    rules: list[RowRule] = []
    checker = PartChecker(table, layout, rules, "", b"draft" if table.hashed else None, folder)
    found: Counter[tuple[str, str | None]] = Counter()
    try:
        for part, file in zip(sample.parts, sample.files, strict=True):
            checked = checker.check(part, file, folder / f"clean-{part.number:05d}.csv")
            found.update((row.code, row.column) for row in checked.quarantined)
    finally:
        checker.close()
    return found
