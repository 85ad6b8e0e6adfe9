"""How does one window compare with another?"""

from __future__ import annotations

from typing import Any, ClassVar, Literal

import sqlalchemy as sa
from great_expectations.execution_engine.pandas_execution_engine import PandasExecutionEngine
from great_expectations.execution_engine.sqlalchemy_execution_engine import SqlAlchemyExecutionEngine
from great_expectations.expectations.expectation import BatchExpectation
from great_expectations.expectations.metrics.table_metric_provider import TableMetricProvider

from expectations.suites.custom.amounts import exact, utc
from expectations.suites.custom.metrics import measured_by

NEEDS_COLUMN = ("sum", "mean", "distinct")


class WindowFigures(TableMetricProvider):
    """One figure of two windows: rows, or the sum, mean or number of distinct values of a column."""

    metric_name = "headgate.windows"
    value_keys = ("time_column", "window", "baseline", "figure", "column")

    @staticmethod
    @measured_by(PandasExecutionEngine)
    def _pandas(_: Any, frame: Any, asked: Any) -> tuple[Any, Any]:
        times = frame[asked["time_column"]]
        if getattr(times.dt, "tz", None) is not None:
            times = times.dt.tz_convert("UTC").dt.tz_localize(None)

        def figure(bounds: Any) -> Any:
            start, end = (utc(moment) for moment in bounds)
            rows = frame[(times >= start) & (times < end)]
            if asked["figure"] == "rows":
                return len(rows)
            values = rows[asked["column"]].dropna()
            if asked["figure"] == "distinct":
                return int(values.nunique())
            return values.sum() if asked["figure"] == "sum" else (values.mean() if len(values) else None)

        return figure(asked["window"]), figure(asked["baseline"])

    @staticmethod
    @measured_by(SqlAlchemyExecutionEngine)
    def _sqlalchemy(engine: Any, table: Any, asked: Any) -> tuple[Any, Any]:
        time: Any = sa.column(asked["time_column"])
        value: Any = sa.literal(1) if asked["figure"] == "rows" else sa.column(asked["column"])
        if asked["figure"] == "mean":
            # Redshift's average of integers is an integer.
            value = sa.cast(value, sa.Float)

        def figure(bounds: Any) -> Any:
            start, end = (utc(moment) for moment in bounds)
            inside = sa.case((sa.and_(time >= start, time < end), value))
            aggregates: dict[str, Any] = {"rows": sa.func.count, "sum": sa.func.sum, "mean": sa.func.avg}
            if asked["figure"] == "distinct":
                return sa.func.count(sa.distinct(inside))
            return aggregates[asked["figure"]](inside)

        query = sa.select(figure(asked["window"]), figure(asked["baseline"])).select_from(table)
        first, second = engine.execute_query(query).fetchone()
        return first, second


class ExpectWindowsToCompare(BatchExpectation):
    """A figure of `window`, divided by the same figure of `baseline`, lies between `min_ratio` and `max_ratio`.

    Windows are half-open `[start, end]` lists of UTC moments over `time_column`. Without anything in the baseline there
    is no ratio and the check fails: it can't be known.
    """

    time_column: str
    window: list[str] | dict[str, Any]
    baseline: list[str] | dict[str, Any]
    figure: Literal["rows", "sum", "mean", "distinct"] = "rows"
    column: str | None = None
    min_ratio: float | dict[str, Any] | None = None
    max_ratio: float | dict[str, Any] | None = None

    metric_dependencies = ("headgate.windows",)
    domain_keys: ClassVar[tuple[str, ...]] = ("batch_id", "table")
    success_keys: ClassVar[tuple[str, ...]] = (
        "time_column", "window", "baseline", "figure", "column", "min_ratio", "max_ratio",
    )  # fmt: skip
    library_metadata: ClassVar[dict[str, Any]] = {}

    def _validate(self, metrics: dict[str, Any], *_: Any, **__: Any) -> dict[str, Any]:
        if self.figure in NEEDS_COLUMN and self.column is None:
            raise ValueError(f"the figure '{self.figure}' needs a column")
        first, second = metrics["headgate.windows"]
        ratio = None if first is None or not exact(second) else float(exact(first) / exact(second))
        low = self.min_ratio is None or (ratio is not None and exact(ratio) >= exact(self.min_ratio))
        high = self.max_ratio is None or (ratio is not None and exact(ratio) <= exact(self.max_ratio))
        return {
            "success": ratio is not None and low and high,
            "result": {"observed_value": ratio, "details": {"window": first, "baseline": second}},
        }
