"""Draft the header of a summary from its SELECT: its inputs from the text, its columns from what the warehouse makes of it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from deployments.declarations.parsing import plain
from deployments.declarations.problems import Problem, fail_on, nearest_table
from deployments.declarations.redshift_clauses import redshift_alone
from deployments.declarations.select import Select, read_select, tree_of
from deployments.declarations.sql_origins import key_of, plain_origins
from deployments.declarations.sql_text import SqlFault, place, tokens
from deployments.declarations.summary import HEADER, Summary
from deployments.declarations.yaml_source import read_yaml
from deployments.errors import DeclarationError
from deployments.project import Project
from expectations.draft.scalars import mapping, scalar, sequence
from expectations.draft.table_text import DECIDE
from flows.reading_sql import known_tables
from tasks.summary_look import Looked, look_at
from tasks.workbench import Workbench

_SCHEMA = "analytics"
_WHOSE = frozenset(("target", "description", "owner", "inputs"))


@dataclass(frozen=True, slots=True)
class DraftedSummary:
    """The file as it would be written. `rows`: what the SELECT gave."""

    target: str
    text: str
    rows: int

    @property
    def to_decide(self) -> int:
        """Lines that wait for a person."""
        return sum(f"{DECIDE}:" in line for line in self.text.splitlines())


def draft_summary(bench: Workbench, file: Path, owner: str | None) -> DraftedSummary:
    """The SELECT of a file with its header; of a header that is there, everything but `columns` stays."""
    text = file.read_text(encoding="utf-8")
    there = HEADER.match(text)
    sql = (there["sql"] if there else text).strip().rstrip(";").strip()
    select = _sound(file, text, sql)
    given = _given(file, there["yaml"]) if there else {}
    if "columns" in given:
        raise DeclarationError(
            f"{file} has columns already; nothing was written", code="DRAFT-EXISTS",
            next_command=f"take columns out of its header; headgate summary new {file}",
        )  # fmt: skip
    target = str(given.get("target") or f"{_schema(bench.project)}.{file.stem}")
    reads = [read.table for read in select.reads]
    _prove_declared(bench.project, file, reads)
    summary = Summary.model_validate({
        "target": target, "description": "draft", "owner": owner or "draft", "inputs": [{"table": name} for name in reads],
        "sql": sql, "written_for": given.get("written_for") or _written_for(sql),
    })  # fmt: skip
    looked = look_at(bench, summary)
    found = [f"written_for: {summary.written_for}"] if summary.written_for and "written_for" not in given else []
    lines = [
        *found,
        *([] if given.keys() & _WHOSE else _head(target, owner, reads)),
        *_contract(bench.project, sql, looked, given),
    ]
    head = there["yaml"].strip("\n").rstrip() + "\n" if there else ""
    return DraftedSummary(target, f"/*\n{head}" + "\n".join(lines) + f"\n*/\n{sql}\n", looked.rows)


def _written_for(sql: str) -> str | None:
    """Redshift, where the SQL has what PostgreSQL doesn't read."""
    return "redshift" if next(redshift_alone(tokens(sql)), None) is not None else None


def _sound(file: Path, text: str, sql: str) -> Select:
    select, faults = read_select(sql)
    unnamed = tuple(
        SqlFault(f"has a column without a name of its own ({column.name})", "... AS name", column.start)
        for column in (() if faults or select is None else select.unnamed)
    )
    before = text[: text.index(sql)].count("\n") if sql else 0
    fail_on([
        Problem(file, before + place(sql, fault.start)[0] + 1, "sql", fault.message, allowed=fault.allowed, nearest=fault.nearest)
        for fault in (*faults, *unnamed)
    ], _again(file))  # fmt: skip
    assert select is not None
    return select


def _again(file: Path) -> str:
    return f"mend {file}; then: headgate summary new {file}"


def _given(file: Path, header: str) -> dict[str, object]:
    problems: list[Problem] = []
    content = read_yaml(file, problems, text=header)
    fail_on(problems, _again(file))
    return {} if content is None else {str(key): plain(value) for key, value in content.items()}


def _schema(project: Project) -> str:
    """The one most summaries of the project have."""
    schemas = Counter(summary.schema_name for summary in project.summaries.values())
    return schemas.most_common(1)[0][0] if schemas else _SCHEMA


def _prove_declared(project: Project, file: Path, reads: list[str]) -> None:
    names = [*project.tables, *project.summaries]
    fail_on([
        Problem(
            file, 1, "sql", f"reads {name}, which isn't declared", allowed=", ".join(names),
            nearest=nearest_table(name, names),
        )
        for name in reads if name not in names
    ], f"headgate new TABLE --source ...   (declares one); then: headgate summary new {file}")  # fmt: skip


def _head(target: str, owner: str | None, reads: list[str]) -> Iterator[str]:
    yield f"target: {target}"
    yield f"description: Rows of {target.partition('.')[2]}.   # {DECIDE}: what is one row?"
    yield f"owner: {scalar(owner)}" if owner else f'owner: "you@example.com"   # {DECIDE}: who answers for the figures?'
    yield "inputs:"
    for name in reads:
        yield f"  - table: {name}"


def _contract(project: Project, sql: str, looked: Looked, given: dict[str, object]) -> Iterator[str]:
    known, tree = known_tables(project), tree_of(sql, "postgresql")
    origins = plain_origins(tree, known) if tree is not None else {}
    key = key_of(tree, known) if tree is not None else ()
    yield "columns:"
    for column in looked.columns:
        pairs = [("name", column.name), ("type", scalar(column.type))]
        if looked.rows and not column.empty:
            pairs.append(("nullable", "false"))
        source = origins.get(column.name)
        if source is not None and source[0] in project.tables:
            same = project.tables[source[0]].column(source[1])
            pairs += [
                (name, scalar(value))
                for name, value in (("unit", same.unit), ("description", same.description))
                if value
            ]
        yield f"  - {mapping(pairs)}" + (f"   # {DECIDE}: {column.decide}" if column.decide else "")
    if "key" in given:
        return
    empty = {column.name for column in looked.columns if column.empty or not looked.rows}
    if key and not empty & set(key):
        yield f"key: {sequence(key)}"
    else:
        yield f"# key: [...]   # {DECIDE}: which columns identify a row?"
