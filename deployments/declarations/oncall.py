"""The declaration of who is on call: people, weeks, exceptions, and who is told what at which hour.

Times are local times of the rota's zone, written without offset. A week begins at the handover and ends at the next one.
"""

from __future__ import annotations

import re
from datetime import date, datetime, time
from typing import Annotated, ClassVar, Literal

from pydantic import AfterValidator, BeforeValidator, Field, field_validator, model_validator

from deployments.declarations.model import CLOCK, Declared, Duration, Zone
from deployments.declarations.table import Tier

DAYS = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")
_HANDOVER = re.compile(rf"({'|'.join(DAYS)}) {CLOCK}")
_HOURS = re.compile(rf"{CLOCK}-({CLOCK}|24:00)")

Day = Literal["monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday"]
Family = Literal["code", "declaration", "upstream", "retryable"]


def _midnight(value: object) -> object:
    if isinstance(value, date) and not isinstance(value, datetime):
        return datetime(value.year, value.month, value.day)
    return value


def _local(value: datetime) -> datetime:
    if value.tzinfo is not None:
        raise ValueError("is a local time of the rota's zone: write it without offset")
    return value


LocalTime = Annotated[datetime, BeforeValidator(_midnight), AfterValidator(_local)]


class Span(Declared):
    """From a local time to another one, the end not included."""

    from_: LocalTime = Field(alias="from", description="Local date or time.")
    to: LocalTime = Field(description="Local date or time, not included.")

    @model_validator(mode="after")
    def _in_order(self) -> Span:
        if self.from_ >= self.to:
            raise ValueError("'from' must come before 'to', which isn't included")
        return self


class Person(Declared):
    """Somebody who can be on call."""

    name: str = Field(description="As colleagues know them.")
    email: str = Field(pattern=r"^[^@\s,<>]+@[^@\s,<>]+$", description="Where notices to them go.")
    slack: str | None = Field(None, pattern=r"^[UW][A-Z0-9]+$", description="Member ID in Slack, to be mentioned.")
    away: tuple[Span, ...] = Field((), description="Not available: somebody else must stand in, or it is a gap.")


class Override(Span):
    """Somebody stands in for whoever it would be."""

    person: str = Field(description="Who is on call instead.")
    reason: str = Field("", description="Why, for the colleagues.")


class Swap(Declared):
    """Two whole weeks change hands: each of the two takes the other's."""

    week: date = Field(description="The day of the handover at which the one week begins.")
    with_: date = Field(alias="with", description="The same of the other week.")
    reason: str = Field("", description="Why, for the colleagues.")


def _two_times(value: str | None) -> str | None:
    if value is not None and not _HOURS.fullmatch(value):
        raise ValueError(f"'{value}' must be two times of day such as 09:00-18:00")
    if value is not None and value[:5] == value[6:]:
        raise ValueError("the two times are the same: leave hours out for any hour")
    return value


Hours = Annotated[str | None, AfterValidator(_two_times)]


class Route(Declared):
    """Where notices go. The first route that fits is taken; one that fits but for its hours holds the notice until then."""

    tiers: tuple[Tier, ...] = Field((), description="Of these tiers; none: of every tier.")
    owners: tuple[str, ...] = Field((), description="Of tables of these owners; none: of everybody's.")
    families: tuple[Family, ...] = Field((), description="Of these families of errors; none: of every family.")
    days: tuple[Day, ...] = Field((), description="On these days; none: every day.")
    hours: Hours = Field(None, description="At these local hours, such as 09:00-18:00; none: at any hour.")
    to: tuple[str, ...] = Field(min_length=1, description="Names of channels: HEADGATE_NOTIFY_<NAME>, in lower case.")


class Quiet(Declared):
    """When notices of some tiers wait. What a core table is touched by pages, and never waits."""

    tiers: tuple[Literal["standard", "experimental"], ...] = Field(
        ("experimental",), min_length=1, description="Of these tiers; core is never quiet."
    )
    days: tuple[Day, ...] = Field((), description="On these days; none: every day.")
    hours: Hours = Field(None, description="At these local hours, such as 22:00-07:00; none: all day.")

    @model_validator(mode="after")
    def _ends(self) -> Quiet:
        if self.hours is None and (not self.days or set(self.days) >= {day.lower() for day in DAYS}):
            raise ValueError("it would never end: say hours, or the days on which it holds")
        return self


class Escalation(Declared):
    """Who is told when nobody acknowledges."""

    after: Duration = Field("30m", description="After so long without an answer.")
    to: tuple[str, ...] = Field((), description="People; none: whoever is on call in the following week.")


class OnCall(Declared):
    """The rota. Rules between its keys are in `deployments.rota`, which reports them all at once."""

    stands_in: ClassVar = "oncall.yaml"
    timezone: Zone = Field(description="IANA zone of every time in this file.")
    handover: str = Field("Monday 00:00", description="When a week begins: a day and a time.")
    starts: date = Field(description="The day of the first handover.")
    people: dict[str, Person] = Field(min_length=1, description="Everybody who can be on call, by a short name.")
    rotation: tuple[str, ...] = Field((), description="One week each, in this order again and again.")
    weeks: dict[date, str] = Field(default_factory=dict, description="Weeks given by hand, by the day of the handover.")
    overrides: tuple[Override, ...] = Field((), description="Times at which somebody stands in.")
    swaps: tuple[Swap, ...] = Field((), description="Weeks that two people have exchanged.")
    escalation: Escalation = Field(default_factory=Escalation, description="When nobody acknowledges.")
    routes: tuple[Route, ...] = Field((), description="Who is told what; none: every channel is told everything.")
    quiet: tuple[Quiet, ...] = Field((), description="When notices of lower tiers wait until morning.")
    digest: str = Field("09:00", pattern=rf"^{CLOCK}$", description="Local time of the owners' daily list of warnings.")
    runbooks: str | None = Field(None, description="Address below which the runbooks are found.")

    @field_validator("handover")
    @classmethod
    def _day_and_time(cls, value: str) -> str:
        if not _HANDOVER.fullmatch(value):
            raise ValueError(f"'{value}' must be a day and a time such as 'Monday 09:00'")
        return value

    @property
    def handover_day(self) -> int:
        """0: Monday."""
        return DAYS.index(self.handover.partition(" ")[0])

    @property
    def handover_time(self) -> time:
        return time.fromisoformat(self.handover.partition(" ")[2])
