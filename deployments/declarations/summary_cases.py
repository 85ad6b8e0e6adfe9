"""Cases of a summary: `summaries/NAME.test.yaml`, small inputs and the rows that its SELECT must make of them.

Rows stand there, or in CSV files beside it, of which an empty field is an empty value.
"""

from __future__ import annotations

import csv
from datetime import date, datetime
from pathlib import Path
from typing import Annotated, ClassVar

from pydantic import Field, field_validator

from deployments.declarations.model import Declared, Identifier, QualifiedName
from deployments.declarations.parsing import parse
from deployments.declarations.problems import Problem
from deployments.declarations.yaml_source import read_yaml

Value = bool | int | float | datetime | date | str | None
Rows = tuple[dict[Identifier, Value], ...]
CsvFile = Annotated[str, Field(pattern=r"^[^/\\\\]+\.csv$")]
"""The name of a CSV file in the same folder."""
SUFFIX = ".test.yaml"


class Case(Declared):
    """One case: what stands in the inputs, and what must come out."""

    name: str = Field(description="What is tried, in plain words.")
    given: dict[QualifiedName, Rows | CsvFile] = Field(
        description="Rows of inputs, or the CSV file beside it that has them; a column that isn't given is empty, and so is an "
        "input."
    )
    expect: Rows | CsvFile = Field(
        description="All rows that must come out, in any order, by the columns they name; or the CSV file that has them."
    )

    window: str | None = Field(
        None, description="Of a summary that is built by windows: the one that is built, by its label."
    )

    @field_validator("expect")
    @classmethod
    def _alike(cls, expect: Rows | str) -> Rows | str:
        if not isinstance(expect, str) and any(row.keys() != expect[0].keys() for row in expect):
            raise ValueError("every expected row must name the same columns")
        return expect

    @property
    def rows_given(self) -> dict[str, Rows]:
        """Rows of inputs, once those of files are read."""
        return {name: rows for name, rows in self.given.items() if not isinstance(rows, str)}

    @property
    def rows_expected(self) -> Rows:
        """Rows that must come out, once those of a file are read."""
        return () if isinstance(self.expect, str) else self.expect

    def with_files(self, folder: Path, problems: list[Problem]) -> Case:
        """The same with the rows of its CSV files in their place; faults are appended to `problems`."""
        given = {name: _rows(folder, rows, problems) for name, rows in self.given.items()}
        return self.model_copy(update={"given": given, "expect": _rows(folder, self.expect, problems)})


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
    return () if cases is None else tuple(case.with_files(file.parent, problems) for case in cases.tests)


def _rows(folder: Path, found: Rows | str, problems: list[Problem]) -> Rows:
    if not isinstance(found, str):
        return found
    file = folder / found
    try:
        with file.open(encoding="utf-8-sig", newline="") as opened:
            lines = list(csv.reader(opened, strict=True))
    except FileNotFoundError:
        there = ", ".join(sorted(item.name for item in folder.glob("*.csv"))) or "none"
        problems.append(Problem(file, 0, "", "isn't there", allowed=f"a CSV file of this folder: {there}"))
        return ()
    except (UnicodeDecodeError, csv.Error) as error:
        problems.append(Problem(file, 0, "", f"can't be read as CSV in UTF-8: {error}", allowed="header, rows, commas"))
        return ()
    names = lines[0] if lines else []
    if not names or len(set(names)) < len(names):
        problems.append(Problem(file, 1, "", "has no header with each column once", allowed="id,amount"))
        return ()
    for number, line in enumerate(lines[1:], 2):
        if line and len(line) != len(names):
            told = f"row {number - 1} has {len(line)} fields, the header {len(names)}"
            problems.append(Problem(file, number, "", told, allowed=f"{len(names)} fields"))
    return tuple(dict(zip(names, (value or None for value in line), strict=False)) for line in lines[1:] if line)
