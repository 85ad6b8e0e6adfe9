"""Is the newest row recent enough?"""

from __future__ import annotations

import datetime
from typing import Any, ClassVar

from great_expectations.expectations.expectation import BatchExpectation

from expectations.suites.custom.amounts import duration, utc


class ExpectTableToBeFresh(BatchExpectation):
    """The newest value of a timestamp column is at most `max_age` older than `as_of`. A table without rows isn't fresh.

    `as_of` is a moment in UTC; without one the run's parameter `now` is taken. A value later than `as_of` is fresh.
    """

    column: str
    max_age: str
    as_of: str | datetime.datetime | datetime.date | dict[str, Any] | None = None

    metric_dependencies = ("column.max",)
    domain_keys: ClassVar[tuple[str, ...]] = ("batch_id", "table", "column")
    success_keys: ClassVar[tuple[str, ...]] = ("max_age", "as_of")
    library_metadata: ClassVar[dict[str, Any]] = {}

    def _validate(self, metrics: dict[str, Any], *_: Any, **__: Any) -> dict[str, Any]:
        newest = metrics["column.max"]
        if self.as_of is None:
            raise ValueError("as_of is missing: give it to the rule, or give the run the parameter `now`")
        limit = utc(self.as_of) - duration(self.max_age)
        if newest is None or newest != newest:
            return {"success": False, "result": {"observed_value": None, "details": {"limit": limit.isoformat()}}}
        observed = utc(newest)
        details = {"limit": limit.isoformat(), "age_seconds": (utc(self.as_of) - observed).total_seconds()}
        return {"success": observed >= limit, "result": {"observed_value": observed.isoformat(), "details": details}}
