"""What is wrong in the shop's world on purpose, as facts: the demo must report exactly these, and nothing else.

The bad row breaks a rule that one row alone can break, so it is set aside and the rest of its month is published.
The drift breaks no rule at all: every amount of the day is valid, only a hundred times what earlier days were used to.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal


@dataclass(frozen=True)
class PlantedRow:
    """One row that must end in quarantine."""

    table: str
    key: dict[str, int]
    window_start: datetime
    window_end: datetime
    column: str
    value: int
    reason: str
    sentence: str


@dataclass(frozen=True)
class PlantedDrift:
    """One batch whose meaning differs from its history."""

    table: str
    window_start: datetime
    window_end: datetime
    column: str
    factor: Decimal
    history_windows: int
    sentence: str


BAD_ANSWER = PlantedRow(
    table="raw_data.nps",
    key={"id": 1041},
    window_start=datetime(2019, 9, 1),
    window_end=datetime(2019, 10, 1),
    column="score",
    value=11,
    reason="NPS-SCORE",
    sentence="An answer with score 11: the survey's scale is 0 to 10.",
)

CENTS_DAY = date(2019, 11, 30)

DRIFT = PlantedDrift(
    table="raw_data.customer_interactions",
    window_start=datetime(2019, 11, 30),
    window_end=datetime(2019, 12, 1),
    column="paidamount",
    factor=Decimal(100),
    history_windows=29,
    sentence="On the last day the paid amounts are in cents; the 29 days before it are in dollars.",
)
