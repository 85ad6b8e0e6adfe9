"""A table of the warehouse as Great Expectations judges it: in sessions that are set up like ours, and that change nothing."""

from __future__ import annotations

from dataclasses import replace

from deployments.declarations.suite import Suite
from expectations.suites.targets import WarehouseTable
from tasks.only_reads import prove_rules
from tasks.warehouses.names import TableName
from tasks.warehouses.session import judging
from tasks.workbench import Workbench


def judged_table(bench: Workbench, table: TableName) -> WarehouseTable:
    """The target of a suite."""
    target = bench.warehouse.suite_target(table)
    return replace(target, connect_args={"connection_factory": judging(bench.warehouse.address)})


def proven(bench: Workbench, suite: Suite, table: TableName) -> WarehouseTable:
    """The same for the suite of a declared table, whose SQL is proven to be one SELECT that only reads. DeclarationError else."""
    prove_rules(bench.warehouse, suite, table, {*bench.project.tables, *bench.project.summaries})
    return judged_table(bench, table)
