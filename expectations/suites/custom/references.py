"""Are the values of a column found in another table?"""

from __future__ import annotations

from typing import Any, ClassVar

import sqlalchemy as sa
from great_expectations.execution_engine.sqlalchemy_execution_engine import SqlAlchemyExecutionEngine
from great_expectations.expectations.expectation import BatchExpectation
from great_expectations.expectations.metrics.table_metric_provider import TableMetricProvider

from expectations.suites.custom.amounts import exact
from expectations.suites.custom.metrics import measured_by


class ReferenceCounts(TableMetricProvider):
    """Rows with a value, and of these the rows whose value the other table doesn't have."""

    metric_name = "headgate.references"
    value_keys = ("column", "other_table", "other_column")

    @staticmethod
    @measured_by(SqlAlchemyExecutionEngine)
    def _sqlalchemy(engine: Any, table: Any, asked: Any) -> tuple[int, int]:
        column, other_column = asked["column"], asked["other_column"]
        schema, _, name = asked["other_table"].partition(".")
        other = sa.table(name, sa.column(other_column), schema=schema)
        rows = sa.select(sa.column(column).label("value")).select_from(table).subquery("checked")
        # DISTINCT on the other side: a value found twice there must not count a row twice here.
        known = sa.select(other.c[other_column].label("value")).distinct().subquery("known")
        missing = sa.case((sa.and_(rows.c.value.isnot(None), known.c.value.is_(None)), 1), else_=0)
        query = sa.select(sa.func.count(rows.c.value), sa.func.sum(missing)).select_from(
            rows.outerjoin(known, rows.c.value == known.c.value)
        )
        found, without = engine.execute_query(query).fetchone()
        return int(found), int(without or 0)


class ExpectColumnValuesToReferToTable(BatchExpectation):
    """At least the share `min_share` of the values is found in `other_column` of `other_table` (`schema.table`).

    NULL refers to nothing and isn't counted. In the warehouse only: the other table is there.
    """

    column: str
    other_table: str
    other_column: str
    min_share: float | dict[str, Any] = 1.0

    metric_dependencies = ("headgate.references",)
    domain_keys: ClassVar[tuple[str, ...]] = ("batch_id", "table")
    success_keys: ClassVar[tuple[str, ...]] = ("column", "other_table", "other_column", "min_share")
    library_metadata: ClassVar[dict[str, Any]] = {}

    def _validate(self, metrics: dict[str, Any], *_: Any, **__: Any) -> dict[str, Any]:
        found, missing = metrics["headgate.references"]
        share = 1.0 if found == 0 else (found - missing) / found
        return {
            "success": exact(share) >= exact(self.min_share),
            "result": {"observed_value": share, "details": {"rows_with_value": found, "rows_without_partner": missing}},
        }
