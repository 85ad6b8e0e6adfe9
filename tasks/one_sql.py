"""A summary with its SQL as the warehouse at hand has to get it, where it was written for the other one."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from deployments.declarations.rule_faults import BATCH, QUERY
from deployments.declarations.sql_text import place
from deployments.declarations.summary import Input, InputCheck, Summary
from deployments.declarations.summary_window import placed_back, stand_in
from deployments.errors import DeclarationError
from tasks.workbench import Workbench


def as_read(bench: Workbench, summary: Summary) -> Summary:
    """The summary with the SQL that this warehouse gets: as it was written, but for `written_for: redshift` on PostgreSQL.

    DeclarationError (NOT-ON-POSTGRESQL) where something of it isn't proven to mean the same there.
    """
    if summary.written_for is None or bench.settings.dialect != "postgresql":
        return summary
    # Imported here: a grammar that other commands don't need.
    from deployments.declarations.known_tables import known_tables
    from deployments.declarations.redshift_sql import for_postgresql

    tables = known_tables(bench.project)

    def rewritten(sql: str) -> str:
        found = for_postgresql(stand_in(sql), tables)
        wrong = [fault for fault in found.faults if fault.kind == "postgresql"]
        if wrong:
            told = [f"line {place(sql, fault.start)[0] + 1}: {fault.message}; write {fault.allowed}" for fault in wrong]
            raise DeclarationError(
                f"SQL of {summary.target} isn't proven to mean the same on PostgreSQL; nothing was run\n  " + "\n  ".join(told),
                code="NOT-ON-POSTGRESQL", next_command="mend the SQL, by docs/one-sql.md; headgate check",
            )  # fmt: skip
        return placed_back(found.text)

    inputs = tuple(item.model_copy(update={"checks": _checks(item, rewritten)}) for item in summary.inputs)
    rules = tuple(
        rule.model_copy(update={"kwargs": _query(rule.kwargs, summary.target, rewritten)})
        for rule in summary.expectations
    )
    changed = {"sql": rewritten(summary.sql), "inputs": inputs, "expectations": rules, "written_for": None}
    return summary.model_copy(update=changed)


def _checks(item: Input, rewritten: Callable[[str], str]) -> tuple[InputCheck, ...]:
    return tuple(
        check.model_copy(
            update={
                "sql": None if check.sql is None else rewritten(check.sql),
                "kwargs": _query(check.kwargs, item.table, rewritten),
            }
        )
        for check in item.checks
    )


def _query(kwargs: dict[str, Any], table: str, rewritten: Callable[[str], str]) -> dict[str, Any]:
    query = kwargs.get(QUERY)
    return (
        kwargs
        if not isinstance(query, str)
        else kwargs | {QUERY: rewritten(query.replace(BATCH, table)).replace(table, BATCH)}
    )
