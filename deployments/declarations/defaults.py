"""`defaults.yaml`: what all tables of a project share, so that a table's file holds only what is its own."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date
from typing import ClassVar

from pydantic import Field

from deployments.declarations.model import Declared, Identifier
from deployments.declarations.table import Retries, Schedule, Sla
from deployments.declarations.yaml_source import Document


class Defaults(Declared):
    """What holds for every table whose own file doesn't say the key. A key that it says counts alone: nothing is merged."""

    stands_in: ClassVar = "defaults.yaml"
    owner: str | None = Field(None, description="Who answers for the data.")
    schedule: Schedule | None = Field(None, description="When to look; `schedule: null` in a table: not by itself.")
    grants: tuple[Identifier, ...] = Field((), description="Groups that may select.")
    retries: Retries | None = Field(None, description="Retries of what may pass by itself.")
    sla: tuple[Sla, ...] = Field((), description="Promises about freshness.")
    holidays: dict[date, str] = Field(
        default_factory=dict,
        description="Days off beside weekends, each with its name: of the region most tables are of.",
    )


def completed(content: Document, defaults: Mapping[object, object]) -> Document:
    """A table's values, with the defaults of what its file doesn't say."""
    content.update({key: value for key, value in defaults.items() if key not in content})
    return content
