"""The life of a batch, a build or a replay as a flow of Prefect: the same for all of them, said once."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, ParamSpec, TypeVar

from prefect import Flow

from flows.hooks import name_warned

Given = ParamSpec("Given")
Result = TypeVar("Result")


class BatchFlow(Flow[Given, Result]):
    """Its parameters are texts, booleans and None, which the server is sent as they are: Prefect imports FastAPI to find that
    out, which takes as long as a tenth of a run of a hundred rows."""

    def serialize_parameters(self, parameters: dict[str, Any]) -> dict[str, Any]:
        plain = all(value is None or isinstance(value, str | bool) for value in parameters.values())
        return dict(parameters) if plain else super().serialize_parameters(parameters)


def batch_flow(name: str, of: str) -> Callable[[Callable[Given, Result]], BatchFlow[Given, Result]]:
    """Make a function a flow. `of`: what its runs are named, from its parameters."""

    def made(function: Callable[Given, Result]) -> BatchFlow[Given, Result]:
        return BatchFlow(function, name=name, flow_run_name=of, validate_parameters=False, on_completion=[name_warned])

    return made
