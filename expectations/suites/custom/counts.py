"""Does the number of rows agree with another count?"""

from __future__ import annotations

from typing import Any, ClassVar

import sqlalchemy as sa
from great_expectations.execution_engine.sqlalchemy_execution_engine import SqlAlchemyExecutionEngine
from great_expectations.expectations.expectation import BatchExpectation
from great_expectations.expectations.metrics.metric_provider import metric_value
from great_expectations.expectations.metrics.table_metric_provider import TableMetricProvider

from expectations.suites.custom.amounts import agrees, exact


class ExpectRowCountToMatchSource(BatchExpectation):
    """The number of rows equals the number the source counted, give or take the share `within` of it."""

    source_count: int | dict[str, Any]
    within: float | dict[str, Any] = 0.0

    metric_dependencies = ("table.row_count",)
    domain_keys: ClassVar[tuple[str, ...]] = ("batch_id", "table")
    success_keys: ClassVar[tuple[str, ...]] = ("source_count", "within")
    library_metadata: ClassVar[dict[str, Any]] = {}

    def _validate(self, metrics: dict[str, Any], *_: Any, **__: Any) -> dict[str, Any]:
        return _compare(metrics["table.row_count"], self.source_count, self.within)


class OtherTableRowCount(TableMetricProvider):
    """Rows of another table, named `schema.table`, in the same warehouse."""

    metric_name = "headgate.other_table.row_count"
    value_keys = ("other_table",)

    @metric_value(engine=SqlAlchemyExecutionEngine)
    def _sqlalchemy(
        cls,  # noqa: N805  # the library calls it with the class
        execution_engine: Any,
        metric_value_kwargs: dict[str, Any],
        **_: Any,
    ) -> int:
        schema, _, table = metric_value_kwargs["other_table"].partition(".")
        query = sa.select(sa.func.count()).select_from(sa.table(table, schema=schema))
        return int(execution_engine.execute_query(query).scalar())


class ExpectRowCountToMatchTable(BatchExpectation):
    """The number of rows equals that of another table (`schema.table`), give or take the share `within` of it."""

    other_table: str
    within: float | dict[str, Any] = 0.0

    metric_dependencies = ("table.row_count", "headgate.other_table.row_count")
    domain_keys: ClassVar[tuple[str, ...]] = ("batch_id", "table")
    success_keys: ClassVar[tuple[str, ...]] = ("other_table", "within")
    library_metadata: ClassVar[dict[str, Any]] = {}

    def _validate(self, metrics: dict[str, Any], *_: Any, **__: Any) -> dict[str, Any]:
        return _compare(metrics["table.row_count"], metrics["headgate.other_table.row_count"], self.within)


def _compare(rows: int, expected: Any, within: Any) -> dict[str, Any]:
    return {
        "success": agrees(exact(rows), exact(expected), within),
        "result": {"observed_value": rows, "details": {"other_count": expected, "difference": rows - expected}},
    }
