"""Cases of a summary: `summaries/NAME.test.yaml`, small inputs and the rows that its SELECT must make of them."""

from __future__ import annotations

from datetime import date, datetime
from pathlib import Path
from typing import ClassVar

from pydantic import Field, field_validator

from deployments.declarations.model import Declared, Identifier, QualifiedName
from deployments.declarations.parsing import parse
from deployments.declarations.problems import Problem
from deployments.declarations.yaml_source import read_yaml

Value = bool | int | float | datetime | date | str | None
Rows = tuple[dict[Identifier, Value], ...]
SUFFIX = ".test.yaml"


class Case(Declared):
    """One case: what stands in the inputs, and what must come out."""

    name: str = Field(description="What is tried, in plain words.")
    given: dict[QualifiedName, Rows] = Field(
        description="Rows of inputs; a column that isn't given is empty, and so is an input."
    )
    expect: Rows = Field(description="All rows that must come out, in any order, by the columns they name.")

    window: str | None = Field(
        None, description="Of a summary that is built by windows: the one that is built, by its label."
    )

    @field_validator("expect")
    @classmethod
    def _alike(cls, expect: Rows) -> Rows:
        if any(row.keys() != expect[0].keys() for row in expect):
            raise ValueError("every expected row must name the same columns")
        return expect


class Cases(Declared):
    """All cases of a summary."""

    stands_in: ClassVar = "summaries/*.test.yaml"
    tests: tuple[Case, ...] = Field(min_length=1, description="The cases.")


def read_cases(summary: Path, problems: list[Problem]) -> tuple[Case, ...]:
    """The cases beside the .sql file of a summary; none when there is no such file. Every mistake goes into `problems`."""
    file = summary.with_suffix(SUFFIX)
    if not file.is_file():
        return ()
    content = read_yaml(file, problems)
    cases = None if content is None else parse(Cases, content, file, problems)
    return () if cases is None else cases.tests
