"""The draft of `tables/x.yaml` as text: complete, so that it passes `headgate check`, with a DECIDE on every open line."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

from deployments.declarations.sources import Source
from deployments.quantities import plural
from expectations.draft.loading import Loading
from expectations.draft.propose import Proposal, ProposedColumn
from expectations.draft.scalars import comment, mapping, nested, scalar, sequence

DECIDE = "DECIDE"
_DATE_IN_ADDRESS = (
    (re.compile(r"(?<!\d)(20\d\d)-([01]\d)-([0-3]\d)(?!\d)"), "%Y-%m-%d"),
    (re.compile(r"(?<!\d)(20\d\d)/([01]\d)/([0-3]\d)(?!\d)"), "%Y/%m/%d"),
    (re.compile(r"(?<!\d)(20\d\d)([01]\d)([0-3]\d)(?!\d)"), "%Y%m%d"),
)


@dataclass(frozen=True, slots=True)
class Naming:
    """What people call the table. `where`: what was read, for the first line of the file. `absent`: '2 of 9' windows
    that weren't there."""

    table: str
    where: str
    owner: str | None = None
    absent: str | None = None


def table_text(naming: Naming, source: Source, proposal: Proposal, loading: Loading) -> str:
    """The declaration. Nothing of a value stands in it but spellings of 'no value'."""
    return "\n".join(_lines(naming, source, proposal, loading)) + "\n"


def dated_address(source: Source) -> tuple[str, str] | None:
    """The address with a window's placeholder in place of a date, and the date; None when it holds no date."""
    address = source.address
    if address is None:
        return None
    for pattern, form in _DATE_IN_ADDRESS:
        found = list(pattern.finditer(address))
        if found:
            last = found[-1]
            url = address[: last.start()] + "{window.start:" + form + "}" + address[last.end() :]
            return url, "-".join(last.groups())
    return None


def _lines(naming: Naming, source: Source, proposal: Proposal, loading: Loading) -> Iterator[str]:
    read = "all" if proposal.whole else "the first"
    yield f"# Drafted by `headgate new` from {read} {plural(proposal.rows, 'record')} of {comment(naming.where)}."
    yield f"# Lines with {DECIDE} wait for you; take the word away when you have decided."
    yield f"table: {naming.table}"
    yield f"description: Rows of {naming.table.partition('.')[2]}.   # {DECIDE}: what is one row?"
    owner = scalar(naming.owner) if naming.owner else '"you@example.com"'
    yield f"owner: {owner}" + ("" if naming.owner else f"   # {DECIDE}: who answers for the data?")
    yield "source:"
    yield from (f"  {line}" for line in _source(source, loading))
    if naming.absent is not None:
        yield f"  on_missing: empty   # {DECIDE}: {naming.absent} windows weren't there; is that normal? else: fail"
    if loading.grid is not None:
        grid = loading.grid
        pairs = [("every", scalar(grid.every)), ("timezone", scalar(grid.timezone)), ("start", grid.start)]
        questions = (
            "since when is there data?" if grid.zone_is_known else "in which zone are days counted, and since when?"
        )
        yield f"window: {mapping(pairs)}   # {DECIDE}: {questions} does it end? then: end: DATE"
    yield f'# schedule: {{cron: "0 3 * * *"}}   # {DECIDE}: when to look for new data'
    yield "columns:"
    yield from (_column(column) for column in proposal.columns)
    yield from _key(proposal)
    yield "load:"
    yield f"  mode: {loading.mode}   # {loading.why}" + (f"; {DECIDE}: {loading.decide}" if loading.decide else "")
    if loading.window_column:
        yield f"  window_column: {loading.window_column}"
    if loading.latest_by:
        yield f"  keep: {{latest_by: {loading.latest_by}}}"
    if proposal.unnamed:
        yield "  on_schema_change: {added: allow}   # fields without a name in the header aren't loaded"
    personal = [(column.name, str(column.personal)) for column in proposal.columns if column.personal]
    if personal:
        yield f"pii: {mapping(personal)}   # {DECIDE}: hash is stored as a keyed hash, hide as it is but never shown"
    yield f"# grants: [analysts]   # {DECIDE}: who may read it"


def _source(source: Source, loading: Loading) -> Iterator[str]:
    given = source.model_dump(
        mode="json", by_alias=True, exclude_defaults=True, exclude_none=True, exclude={"kind", "query"}
    )
    yield f"kind: {source.kind}"
    yield from (f"{name}: {nested(value)}" for name, value in given.items())
    if source.statement is not None:
        yield "query: |-" if "\n" in source.statement else f"query: {_plain(source.statement)}"
        if "\n" in source.statement:
            yield from (f"  {line}" for line in source.statement.splitlines())
        if loading.cursor is not None:
            column, kind = loading.cursor
            pairs = [("column", scalar(column)), ("kind", kind), ("lag", "15m")]
            yield f"cursor: {mapping(pairs)}   # {DECIDE}: lag: how late may a row become visible?"


def _plain(query: str) -> str:
    return query if not re.search(r": | #|^[\"'\[{&*!|>%@`]", query) else scalar(query)


def _column(column: ProposedColumn) -> str:
    choice = column.choice
    kind = f'"{choice.type}"' if "," in choice.type else choice.type
    pairs = [("name", column.name), ("type", kind)]
    if column.facts.name != column.name:
        pairs.append(("from", scalar(column.facts.name)))
    if not column.nullable:
        pairs.append(("nullable", "false"))
    if choice.null:
        pairs.append(("null", sequence(choice.null)))
    if choice.strip:
        pairs.append(("strip", sequence(choice.strip)))
    if choice.cast:
        pairs.append(("cast", choice.cast[0] if len(choice.cast) == 1 else sequence(choice.cast)))
    if choice.format:
        pairs.append(("format", scalar(choice.format)))
    if choice.zone:
        pairs.append(("source_timezone", choice.zone))
    told = [f"{DECIDE}: {'; '.join(choice.decide)}"] if choice.decide else []
    remarks = "; ".join([*told, *choice.notes])
    return f"  - {mapping(pairs)}" + (f"   # {comment(remarks)}" if remarks else "")


def _key(proposal: Proposal) -> Iterator[str]:
    others = [sequence(key) for key in proposal.keys if key != proposal.key]
    rest = others if proposal.key else others[1:]
    also = f"; also unique: {', '.join(rest)}" if rest else ""
    if proposal.key_is_declared:
        yield f"key: {sequence(proposal.key)}   # the source's own primary key"
    elif proposal.key:
        yield f"key: {sequence(proposal.key)}   # {DECIDE}: unique in what was read; is it always?{also}"
    elif proposal.repeated:
        yield f"# key: none: {plural(proposal.repeated, 'record')} repeat another one in every field"
    elif others:
        yield f"# key: {others[0]}   # {DECIDE}: unique in what was read, perhaps by accident{also}"
    else:
        yield "# key: none was found: no one, two or three fields tell all records apart"
