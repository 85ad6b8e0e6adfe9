"""`headgate peek`: what a source really delivers. Values are shown to the person at the terminal, and go nowhere else."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

import click

from deployments.foreign_text import one_line
from deployments.quantities import plural
from flows.cli.console import print_json
from flows.cli.source_options import source_options, wanted_from

if TYPE_CHECKING:
    from expectations.draft.propose import Proposal, ProposedColumn
    from flows.looking import Looked

ROWS = 20_000
_FIRST = 3
_WIDE = 60


@click.command()
@click.argument("source", metavar="SOURCE")
@source_options
@click.option("--rows", default=ROWS, show_default=True, type=click.IntRange(0), help="Records to read; 0: all.")
@click.option("--json", "as_json", is_flag=True, help="Print figures and spellings as JSON, without any value.")
def peek(source: str, rows: int, as_json: bool, **given: Any) -> None:
    """Look at real records: how each field is spelled, what is missing, which type it would be, what could be a key.

    SOURCE is a file or an address (http, https, file, s3), `connection:NAME` with --table or --query for a database,
    or `connection:NAME/path` below a connection's address; of an API or dlt a file of YAML with its `source:`, of which one
    page is asked for (with --rows 0: all). Nothing is written.
    """
    from deployments.settings import read_settings
    from flows.looking import look, typed

    wanted = wanted_from(source, rows, given)
    with look(read_settings(), wanted, "x.x") as looked:
        if as_json:
            print_json(_figures(looked))
        else:
            _tell(looked, f"headgate new {_name(source, wanted.spoken.table)} --source {typed(wanted)}")


def _name(source: str, table: str | None) -> str:
    """What the table may be called: as that of the database, or as the file without its date and ending."""
    from expectations.draft.naming import identifier_of

    path = re.sub(r"\{[^{}]*\}|[?#].*", "", source.removeprefix("connection:")).rstrip("/")
    word = (table or path.rpartition("/")[2].partition(".")[0]).rpartition(".")[2]
    return identifier_of(re.sub(r"[\W\d_]+$", "", word)) or "orders"


def _tell(looked: Looked, following: str) -> None:
    from deployments.quantities import plural

    proposal, sample = looked.proposal, looked.sample
    read = "all of them" if sample.whole else "the first ones"
    click.secho(
        f"{sample.where}: {plural(sample.rows, 'record')} ({read}), {plural(len(sample.header), 'field')}", bold=True
    )
    for text in looked.found_out:
        click.echo(f"  found out: {text}")
    for code, count in sample.unreadable.most_common():
        click.secho(f"  {plural(count, 'record')} can't be read: {code}", fg="yellow")
    click.echo()
    for column in proposal.columns:
        _tell_column(column)
    click.echo()
    for number, row in enumerate(looked.records.first(_FIRST), start=1):
        click.secho(f"  record {number}", dim=True)
        for name, value in zip(sample.header, row, strict=True):
            click.echo(f"    {one_line(name):<24} {_shown(value)}")
    _tell_keys(proposal)
    click.echo(f"  next: {following}")


def _tell_column(column: ProposedColumn) -> None:
    facts = column.facts
    click.echo(
        f"  {one_line(facts.name):<24} " + click.style(f"{column.choice.type:<18}", fg="cyan") + f" {_counts(column)}"
    )
    click.echo(f"      {_spelled(column)}")
    for text in column.choice.decide:
        click.secho(f"      ? {text}", fg="yellow")
    told = [*column.choice.notes, *([f"looks personal: pii: {column.personal}"] if column.personal else [])]
    for text in told:
        click.echo(f"      {text}")


def _counts(column: ProposedColumn) -> str:
    facts = column.facts
    said = [
        f"{facts.distinct:,} different",
        f"{facts.shortest}-{facts.longest} bytes" if facts.distinct else "no value",
    ]
    if facts.nulls:
        said.append(f"{_percent(facts.nulls, facts.rows)} null")
    if facts.empties:
        said.append(f"{_percent(facts.empties, facts.rows)} empty text")
    return ", ".join(said)


def _spelled(column: ProposedColumn) -> str:
    shapes = ", ".join(shape for shape, _ in column.facts.patterns)
    values = ", ".join(_shown(value, 24) for value in column.facts.values)
    how = [
        *(f"strip {unit}" for unit in column.choice.strip),
        *column.choice.cast,
        *([column.choice.format] if column.choice.format else []),
    ]
    return f"{values}   as {shapes}" + (f"   with {', '.join(how)}" if how else "")


def _tell_keys(proposal: Proposal) -> None:
    if proposal.key_is_declared:
        click.echo(f"  key: {', '.join(proposal.key)} (the source's own)")
    elif proposal.keys:
        click.echo(f"  could be a key: {' | '.join(', '.join(key) for key in proposal.keys)}")
    elif proposal.repeated:
        click.echo(f"  no key: {plural(proposal.repeated, 'record')} repeat another one in every field")
    else:
        click.echo("  no key found: no one, two or three fields tell all records apart")


def _shown(value: str | None, width: int = _WIDE) -> str:
    if value is None:
        return click.style("(null)", dim=True)
    text = value if value.isprintable() else value.encode("unicode_escape").decode()
    return repr("") if not text else text if len(text) <= width else f"{text[: width - 3]}..."


def _percent(part: int, whole: int) -> str:
    return f"{100 * part / whole:.1f} %"


def _figures(looked: Looked) -> dict[str, object]:
    """Everything but values: JSON is kept and sent on."""
    proposal, sample = looked.proposal, looked.sample
    return {
        "source": sample.where, "kind": looked.source.kind, "records": sample.rows, "whole": sample.whole,
        "found_out": list(looked.found_out), "unreadable": dict(sample.unreadable),
        "fields": [_field(column) for column in proposal.columns],
        "keys": [list(key) for key in proposal.keys], "repeated": proposal.repeated,
    }  # fmt: skip


def _field(column: ProposedColumn) -> dict[str, object]:
    facts, choice = column.facts, column.choice
    return {
        "field": facts.name, "column": column.name, "type": choice.type, "nulls": facts.nulls, "empty": facts.empties,
        "null_spellings": dict(facts.nullish), "distinct": facts.distinct, "shortest_bytes": facts.shortest,
        "longest_bytes": facts.longest, "patterns": [{"pattern": shape, "records": n} for shape, n in facts.patterns],
        "strip": list(choice.strip), "cast": list(choice.cast), "format": choice.format, "misfits": choice.misfits,
        "decide": choice.decide,
        "notes": choice.notes, "personal": column.personal,
    }  # fmt: skip
