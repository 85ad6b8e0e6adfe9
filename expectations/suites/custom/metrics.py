"""A figure of a whole table as the library wants it: a method of a provider, told its class, its domain and its arguments."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from great_expectations.core.metric_domain_types import MetricDomainTypes
from great_expectations.expectations.metrics.metric_provider import metric_value


def measured_by(engine: type) -> Callable[[Callable[[Any, Any, Any], Any]], Any]:
    """Makes a metric of a function of the engine, the rows (a frame, or what SQL selects from) and the arguments."""

    def decorated(measure: Callable[[Any, Any, Any], Any]) -> Any:
        @metric_value(engine=engine)
        def _measured(
            cls: Any, execution_engine: Any, metric_domain_kwargs: Any, metric_value_kwargs: Any, **_: Any
        ) -> Any:
            rows = execution_engine.get_compute_domain(metric_domain_kwargs, domain_type=MetricDomainTypes.TABLE)[0]
            return measure(execution_engine, rows, metric_value_kwargs)

        return _measured

    return decorated
