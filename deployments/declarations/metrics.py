"""Metrics and consumers of a project: what a figure means, once for every summary that has it, and who reads what is built."""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar, Literal

from pydantic import Field, field_validator, model_validator

from deployments.declarations.model import Declared, Identifier
from deployments.declarations.summary import Summary
from deployments.declarations.table import share

AddsUp = Literal["sum", "distinct", "ratio"]
"""sum: the figure of two days is the sum of theirs. distinct: different things are counted, of which two days may share some.
ratio: one figure divided by another. Only sums can be told of a coarser grain than they were built at."""


class Metric(Declared):
    """A figure with one meaning, wherever it stands."""

    definition: str = Field(description="What is counted or summed, and what isn't; becomes the columns' comment.")
    owner: str = Field(description="Who answers for the definition.")
    adds_up: AddsUp = Field(
        description="sum: figures of a grain add up to those of a coarser one. distinct: different things, which don't. ratio: "
        "one figure over another, which doesn't either."
    )
    distinct_of: str | None = Field(None, description="adds_up distinct: what is counted once, such as userid.")
    unit: str | None = Field(None, description="What the number counts, such as USD or users; the columns' unit.")
    grain: tuple[Identifier, ...] = Field(
        (),
        description="Dimensions without which it isn't this metric, such as [month]; a summary that has it has them in its key.",
    )
    tolerance: str = Field(
        "0%",
        description="By so much of the greater figure two summaries may differ; of double precision a billionth is let pass.",
    )
    severity: Literal["warning", "critical"] = Field(
        "warning", description="What a difference does. warning: it is told. critical: the build isn't published."
    )

    @field_validator("tolerance", mode="before")
    @classmethod
    def _share(cls, value: object) -> str:
        share(str(value))
        return str(value)

    @model_validator(mode="after")
    def _distinct(self) -> Metric:
        if (self.adds_up == "distinct") != (self.distinct_of is not None):
            raise ValueError("distinct_of says what adds_up: distinct counts once; each belongs to the other")
        return self

    @property
    def may_differ(self) -> float:
        return share(self.tolerance)


class Metrics(Declared):
    """Every metric of the project, by its name."""

    stands_in: ClassVar = "metrics.yaml"
    metrics: dict[Identifier, Metric] = Field(description="What `metric` of a summary's columns may name.")


class Consumer(Declared):
    """Who reads tables and isn't built by headgate: a dashboard, a model, an export."""

    kind: str = Field("dashboard", description="What it is, in a word: dashboard, model, export.")
    owner: str = Field(description="Who is told when what it reads breaks or goes.")
    url: str | None = Field(None, description="Where it is looked at.")
    reads: tuple[str, ...] = Field(
        min_length=1,
        description="What it reads: schema.table, or schema.table.column where it is only some of the columns.",
    )

    @field_validator("url")
    @classmethod
    def _address(cls, value: str | None) -> str | None:
        if value is not None and not value.startswith(("https://", "http://")):
            raise ValueError(f"'{value}' isn't an address that a browser opens; allowed: https://...")
        return value

    @field_validator("reads")
    @classmethod
    def _names(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        for name in value:
            if name.count(".") not in (1, 2):
                raise ValueError(f"'{name}' is neither schema.table nor schema.table.column")
        return value

    @property
    def tables(self) -> tuple[str, ...]:
        """The tables it reads, whole or in part."""
        return tuple(dict.fromkeys(".".join(name.split(".")[:2]) for name in self.reads))

    def columns_of(self, table: str) -> tuple[str, ...]:
        """The columns of a table that it names; () where it names the whole table, or nothing of it."""
        if table in self.reads:
            return ()
        return tuple(name.split(".")[2] for name in self.reads if name.startswith(f"{table}."))


class Consumers(Declared):
    """Every consumer of the project, by the name that people call it."""

    stands_in: ClassVar = "consumers.yaml"
    consumers: dict[str, Consumer] = Field(description="Who reads tables of this project.")


def with_metrics(summary: Summary, metrics: Mapping[str, Metric]) -> Summary:
    """The summary with the definitions and units of its metrics as those of its columns."""
    if not any(column.metric in metrics for column in summary.columns):
        return summary
    columns = []
    for column in summary.columns:
        metric = metrics.get(column.metric or "")
        if metric is not None:
            said = (
                f"{column.description} {column.metric}: {metric.definition}"
                if column.description
                else metric.definition
            )
            column = column.model_copy(update={"description": said, "unit": column.unit or metric.unit})
        columns.append(column)
    return summary.model_copy(update={"columns": tuple(columns)})


def consumers_of(consumers: Mapping[str, Consumer], tables: tuple[str, ...]) -> dict[str, Consumer]:
    """Those that read one of these tables, by name."""
    return {name: item for name, item in consumers.items() if set(item.tables) & set(tables)}
