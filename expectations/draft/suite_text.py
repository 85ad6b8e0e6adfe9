"""The draft of `suites/x.yaml`: a few rules that hold for the records read. Warnings, until a person makes them stricter."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from deployments.quantities import plural
from expectations.draft.keys import is_named_like_id
from expectations.draft.naming import code_of, code_prefix
from expectations.draft.propose import Proposal, ProposedColumn
from expectations.draft.scalars import mapping, scalar, sequence
from expectations.draft.table_text import DECIDE

_ENOUGH = 100
_REPEATS = 20
_LONGEST_CATEGORY = 40


def suite_text(table: str, proposal: Proposal, *, may_be_empty: bool = False) -> str:
    """The suite. `may_be_empty`: windows without data are nothing wrong. Of values it holds sets of few categories only,
    and never those of personal columns."""
    return "\n".join(_lines(table, proposal, may_be_empty=may_be_empty)) + "\n"


def _lines(table: str, proposal: Proposal, *, may_be_empty: bool) -> Iterator[str]:
    yield f"# Drafted by `headgate new`: what held for {plural(proposal.rows, 'record')}. {DECIDE}: what must always hold? Make"
    yield "# that critical, or let `rows: quarantine` with a tolerance set rows aside that break it."
    yield f"table: {table}"
    rules = list(_all_rules(table, proposal, may_be_empty=may_be_empty))
    yield "expectations:" if rules else "expectations: []"
    yield from rules
    yield "drift: {policy: warn}"


def _all_rules(table: str, proposal: Proposal, *, may_be_empty: bool) -> Iterator[str]:
    prefix, taken = code_prefix(table.partition(".")[2]), set[str]()
    rows = code_of(prefix, "ROWS", taken)
    taken.add(rows)
    if not may_be_empty:
        bounds = [("min_value", "1")]
        yield from _rule(rows, "expect_table_row_count_to_be_between", bounds, "critical", "A batch is never empty.")
    for column in proposal.columns:
        for what, kind, kwargs, notes in _rules(column, proposal):
            code = code_of(prefix, f"{column.name}{what}", taken)
            taken.add(code)
            yield from _rule(code, kind, [("column", column.name), *kwargs], "warning", notes)


def _rules(column: ProposedColumn, proposal: Proposal) -> Iterator[tuple[str, str, list[tuple[str, str]], str]]:
    facts = column.facts
    if column.nullable and facts.filled == facts.rows >= _ENOUGH:
        yield "-given", "expect_column_values_to_not_be_null", [], "No record without it was met."
    if column.personal or proposal.rows < _ENOUGH:
        return
    if is_category(column):
        values = categories(column)
        yield (
            "",
            "expect_column_values_to_be_in_set",
            [("value_set", values)],
            f"All that were met; {DECIDE}: may others come?",
        )
    elif column.choice.is_number and facts.filled and not facts.negatives and not is_named_like_id(column.name):
        yield "", "expect_column_values_to_be_between", [("min_value", "0")], "No negative one was met."


def is_category(column: ProposedColumn) -> bool:
    """Whether a column holds few values, each many times, that are no measure and no moment."""
    facts, kind = column.facts, column.choice.type
    if (
        column.personal
        or column.is_moment
        or not facts.few
        or kind.startswith(("decimal", "double", "boolean", "bigint"))
    ):
        return False
    if facts.longest > _LONGEST_CATEGORY or facts.filled < _REPEATS * len(facts.few) or column.choice.misfits:
        return False
    # Numbers are a category only as flags: counts and scores grow.
    return kind.startswith("varchar") or set(facts.few) <= {"0", "1"}


def categories(column: ProposedColumn) -> str:
    """The value set as the rows will hold it."""
    few = column.facts.few
    if column.choice.type.startswith("varchar"):
        return sequence([*([""] if column.facts.empties else []), *few])
    return sequence([int(value) for value in few])


def _rule(code: str, kind: str, kwargs: Sequence[tuple[str, str]], severity: str, notes: str) -> Iterator[str]:
    yield f"  - code: {code}"
    yield f"    type: {kind}"
    yield f"    kwargs: {mapping(kwargs)}"
    yield f"    severity: {severity}"
    yield f"    notes: {scalar(notes)}"
