"""Provision: make schemas, groups, membership and grants of the warehouse what the project declares."""

from __future__ import annotations

from dataclasses import dataclass

from psycopg2.extensions import cursor as Cursor

from deployments.declarations.provisioning import Provisioning, default_provisioning
from tasks.warehouses.provision import Step, difference
from tasks.warehouses.session import explained, retried, session
from tasks.workbench import Workbench


@dataclass(frozen=True, slots=True)
class Difference:
    """What differs, and the SQL of it as it would be sent."""

    what: str
    sql: str | None


def plan_provision(bench: Workbench) -> list[Difference]:
    """What `provision` would do. Reads only."""
    adapter = bench.warehouse
    with explained("reading who may do what"), session(adapter.address) as connection, connection.cursor() as cursor:
        return [_told(cursor, step) for step in _difference(bench, cursor)]


def provision(bench: Workbench) -> list[Difference]:
    """Close the difference in one transaction; what was done. Running it again finds nothing to do."""

    def work(cursor: Cursor) -> list[Difference]:
        done = []
        for step in _difference(bench, cursor):
            done.append(_told(cursor, step))
            if step.statement is not None:
                cursor.execute(step.statement)
        return done

    return retried(bench.warehouse.address, "provisioning", work)


def declared(bench: Workbench) -> Provisioning:
    """The project's `warehouse.yaml`, or what holds without one."""
    return bench.project.provisioning or default_provisioning()


def _difference(bench: Workbench, cursor: Cursor) -> list[Step]:
    project = bench.project
    grants = {name: tuple(table.grants) for name, table in project.tables.items()}
    grants |= {name: tuple(summary.grants) for name, summary in project.summaries.items()}
    role = declared(bench).summaries_as
    if role is not None:
        read = (item.table for summary in project.summaries.values() for item in summary.inputs)
        for name in dict.fromkeys([*project.summaries, *read]):
            grants[name] = (*grants.get(name, ()), role)
    return difference(bench.warehouse, cursor, declared(bench), grants)


def _told(cursor: Cursor, step: Step) -> Difference:
    return Difference(step.what, None if step.statement is None else step.statement.as_string(cursor))
