"""How the source's columns map to the contract's, and what the table's schema-change policy says about it."""

from __future__ import annotations

import csv
import json
import re
from collections import Counter
from collections.abc import Collection, Sequence
from dataclasses import dataclass

from deployments.declarations.problems import nearest
from deployments.declarations.table import Table
from deployments.errors import ContractError
from deployments.foreign_text import one_line

MAX_FIELDS = 5_000
"""More names than any warehouse has columns: a longer first line is no header."""
_LISTED, _TOLD, _COMPARED = 200, 20, 200
"""Names in one list of a message; missing columns told one by one, each compared with so many names."""
ABSENT = -1
_PLAIN_YAML = re.compile(r"(?!(?:true|false|null)$)[^\W\d]\w*", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Layout:
    """The header of the source. `positions[i]` is the field that holds column i of the contract; ABSENT: no field does,
    and the policy takes that for no value.
    """

    header: tuple[str, ...]
    positions: tuple[int, ...]
    delimiter: str
    warnings: tuple[str, ...] = ()

    @property
    def is_contract(self) -> bool:
        """Whether the source has exactly the contract's columns in its order, so that bytes can pass untouched."""
        return self.positions == tuple(range(len(self.header)))


def read_header(record: bytes, delimiter: str, where: str) -> tuple[str, ...]:
    """Names in the header record; ContractError when it can't be one."""
    try:
        text = record.decode("utf-8")
        names = next(csv.reader([text], delimiter=delimiter, strict=True), [])
        if len(names) > MAX_FIELDS:
            raise ContractError(
                f"{where}: the header has {len(names):,} names; at most {MAX_FIELDS:,} are read",
                code="BAD-HEADER",
                next_command="headgate peek SOURCE   (is its first line a header, and is --delimiter right?)",
            )
    except (UnicodeDecodeError, csv.Error) as error:
        if b"\r" in record:
            raise line_ends(where) from None
        raise ContractError(
            f"{where}: the first record can't be read as a header: {error}",
            code="BAD-HEADER",
            next_command="headgate peek SOURCE   (look at what the source sends)",
        ) from None
    return tuple(names)


def line_ends(where: str) -> ContractError:
    """The error of a text whose lines end as on old Macs."""
    return ContractError(
        f"{where}: lines end with a carriage return alone (CR, as old Macs wrote them), which isn't read",
        code="LINE-ENDS",
        next_command="ask the source's owner for lines that end with LF or CRLF; then: headgate peek SOURCE",
    )


def lay_out(table: Table, header: Sequence[str], delimiter: str, where: str) -> Layout:
    """Map the header to the contract; raises ContractError for what the policy doesn't allow."""
    policy = table.load.on_schema_change
    wanted = [column.source_name for column in table.columns]
    known, places = set(wanted), {name: place for place, name in reversed(list(enumerate(header)))}
    repeated = sorted(name for name, count in Counter(header).items() if count > 1 and name in known)
    removed = [name for name in wanted if name not in places]
    added = [name for name in header if name not in known]
    present, as_null = [name for name in header if name in known], policy.removed or "fail"
    needed = _needed(table)
    # Where names stand in the records themselves, one may be somebody's value: a map whose keys are addresses.
    withheld = bool(table.masked) and not (table.source.has_header or table.source.is_database)
    shown, meant_by = (present, []) if withheld else (header, added)
    faults: list[str] = []
    warnings: list[str] = []

    def judge(action: str, text: str) -> None:
        if action == "fail":
            faults.append(text)
        elif action == "warn":
            warnings.append(text)

    if repeated:
        faults.append(f"names stand twice in the header: {listing(repeated)}")
    misread = _misread(wanted, header)
    if misread:
        faults.append(misread)
    elif table.masked and not {name.strip().lower() for name in wanted} & {name.strip().lower() for name in header}:
        raise _no_header(table, len(header), wanted, where)
    for name in removed[:_TOLD]:
        meant = nearest(name, meant_by[:_COMPARED]) or _in_its_place(name, wanted, header, removed, meant_by)
        hint = renamed(meant) if meant and not misread else ""
        action = "fail" if name in needed or not present else as_null
        judge(action, f"column '{name}' is missing{hint}{'' if action == 'fail' else '; loaded as NULL'}")
    if len(removed) > _TOLD:
        vital = not present or any(name in needed for name in removed[_TOLD:])
        judge("fail" if vital else as_null, f"and {len(removed) - _TOLD:,} more columns are missing")
    if added and (not removed or as_null != "fail"):
        told = f"{len(added):,}, which may be values: columns are masked" if withheld else _added(header, known)
        judge(policy.added, f"columns the contract doesn't name: {told} (not loaded)")
    if present != [name for name in wanted if name in places]:
        judge(policy.reordered, f"columns come in another order: {listing(present)}")
    if faults:
        raise ContractError(
            f"{where}: the header isn't the contract's",
            listing=[*faults, f"found:    {listing(shown)}", f"expected: {listing(wanted)}"],
            code="HEADER",
            next_command=f"mend the source, or the columns in the declaration of {table.table}; then: headgate retry RUN",
            table=table.table,
            found=list(shown[:_LISTED]),
            expected=wanted[:_LISTED],
        )
    positions = tuple(places.get(name, ABSENT) for name in wanted)
    return Layout(tuple(header), positions, delimiter, tuple(warnings))


def emptied(table: Table, layout: Layout, empty: Sequence[str]) -> tuple[str, ...]:
    """Columns that no record of JSON has a value of, told beside new ones: under one of these their values may come now."""
    told_by_name = table.source.has_header or table.source.is_database
    if told_by_name or not empty or not layout.warnings or len(layout.header) == len(table.columns):
        return ()
    return (f"no record has a value of {listing(empty)}: renamed to one of these? then declare `from: NEW-NAME`",)


def _no_header(table: Table, fields: int, wanted: Sequence[str], where: str) -> ContractError:
    """The first line has no name of the contract: it may be a row, whose values aren't shown where a column is masked."""
    return ContractError(
        f"{where}: none of the {fields:,} fields of the first line is a column of the contract: it may be a row. It "
        f"isn't shown, since columns of {table.table} are masked\n  expected: {listing(wanted)}",
        code="HEADER",
        next_command=f"headgate peek SOURCE   (is its first line a header?); mend the source, or the columns of {table.table}",
        table=table.table,
        expected=wanted[:_LISTED],
    )  # fmt: skip


def _misread(wanted: Sequence[str], header: Sequence[str]) -> str | None:
    """What a header is that isn't one, where that can be told: Excel's word about the delimiter, or names that another
    delimiter parts."""
    if header and header[0].lower().startswith("sep="):
        return "the first line tells Excel the delimiter: declare `skip_lines: 1`"
    for mark, spelled in ((",", ","), (";", ";"), ("|", "|"), ("\t", "tab")):
        if len(header) == 1 and mark in header[0] and set(wanted) <= set(header[0].split(mark)):
            return f'its names are parted by another delimiter: declare `delimiter: "{spelled}"`'
    return None


def renamed(meant: str) -> str:
    """The hint that a missing column probably has this name now, as it is written in a declaration."""
    name = meant if _PLAIN_YAML.fullmatch(meant) else json.dumps(meant, ensure_ascii=False)
    return f" (found '{one_line(meant)}': renamed? then declare `from: {one_line(name)}`)"


def _in_its_place(
    name: str, wanted: Sequence[str], header: Sequence[str], removed: Sequence[str], added: Sequence[str]
) -> str | None:
    """The new column where a lost one stood, when as many came as went: it has probably another name now."""
    place = wanted.index(name)
    there = header[place] if place < len(header) else None
    return there if len(removed) == len(added) and there in added else None


def _added(header: Sequence[str], known: Collection[str]) -> str:
    """Names the contract doesn't have; one without a name is told by its place."""
    added = [(place, name) for place, name in enumerate(header, start=1) if name not in known]
    return listing([name if name.strip() else f"an unnamed column at place {place}" for place, name in added])


def listing(names: Sequence[str]) -> str:
    """Names of a source as one line of bounded length."""
    more = f" and {len(names) - _LISTED:,} more" if len(names) > _LISTED else ""
    return ", ".join(map(one_line, names[:_LISTED])) + more


def _needed(table: Table) -> frozenset[str]:
    """Names in the source of columns that a batch can't do without: a row's identity, place and age hang on them."""
    load = table.load
    named = {*table.key, load.window_column, load.keep.latest_by if load.keep else None}
    return frozenset(column.source_name for column in table.columns if not column.nullable or column.name in named)
