"""Do sums over columns agree?"""

from __future__ import annotations

from typing import Any, ClassVar

from great_expectations.expectations.expectation import BatchExpectation
from great_expectations.validator.metric_configuration import MetricConfiguration

from expectations.suites.custom.amounts import agrees, exact


class ExpectColumnSumsToAgree(BatchExpectation):
    """The sum of `total_column` equals the sum of all `part_columns`, give or take the share `within` of the parts.

    Sums run over the whole batch, NULL counting as 0: total = parts. Floating-point columns need a `within` above 0.
    """

    total_column: str
    part_columns: list[str]
    within: float | dict[str, Any] = 0.0

    metric_dependencies = ()
    domain_keys: ClassVar[tuple[str, ...]] = ("batch_id", "table")
    success_keys: ClassVar[tuple[str, ...]] = ("total_column", "part_columns", "within")
    library_metadata: ClassVar[dict[str, Any]] = {}

    def get_validation_dependencies(self, execution_engine: Any = None, runtime_configuration: Any = None) -> Any:
        dependencies = super().get_validation_dependencies(execution_engine, runtime_configuration)
        batch_id = self.configuration.kwargs.get("batch_id")
        for column in (self.total_column, *self.part_columns):
            dependencies.set_metric_configuration(
                f"column.sum.{column}",
                MetricConfiguration("column.sum", {"batch_id": batch_id, "column": column}, {}),
            )
        return dependencies

    def _validate(self, metrics: dict[str, Any], *_: Any, **__: Any) -> dict[str, Any]:
        total = exact(metrics[f"column.sum.{self.total_column}"])
        parts = sum((exact(metrics[f"column.sum.{column}"]) for column in self.part_columns), start=exact(0))
        return {
            "success": agrees(total, parts, self.within),
            "result": {"observed_value": {"total": total, "parts": parts}},
        }
