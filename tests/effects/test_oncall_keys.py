"""What each key of `oncall.yaml` does: who is on call, who is told, when, and how they are reached."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from deployments.declarations.oncall import OnCall
from deployments.rota import shift_at, week_at
from tasks.incidents.rota_notices import digest_span
from tasks.incidents.settle import escalation, on_call, policy
from tasks.notices.notice import Contact, Notice
from tasks.notices.routing import Routed, route

effect = pytest.mark.effect
AT = datetime(2026, 1, 6, 3, tzinfo=UTC)
"""A Tuesday, noon in Seoul, in the first week."""
PEOPLE = {name: {"name": name.title(), "email": f"{name}@example.com"} for name in ("ana", "ben", "cho")}


def rota(**keys: Any) -> OnCall:
    base = {"timezone": "Asia/Seoul", "handover": "Monday 09:00", "starts": "2026-01-05", "people": PEOPLE,
            "rotation": ["ana", "ben"]}  # fmt: skip
    return OnCall.model_validate(base | keys)


def who(at: datetime = AT, **keys: Any) -> tuple[str | None, str]:
    shift = shift_at(rota(**keys), at)
    return shift.person, shift.reason


SPAN = {"from": "2026-01-06T00:00", "to": "2026-01-07T00:00"}


@effect("OnCall.rotation", "OnCall.starts", "OnCall.handover", "OnCall.timezone", "OnCall.weeks")
def test_whose_week_it_is() -> None:
    assert who() == ("ana", "")
    assert who(rotation=["ben", "ana"]) == ("ben", "")
    assert who(starts="2025-12-29") == ("ben", "")
    assert who(weeks={"2026-01-05": "cho"}) == ("cho", "")
    assert week_at(rota(), AT)[0] == datetime(2026, 1, 5, 0, tzinfo=UTC), "nine in the morning of Seoul"
    assert week_at(rota(handover="Monday 00:00"), AT)[0] == datetime(2026, 1, 4, 15, tzinfo=UTC)
    assert week_at(rota(timezone="UTC"), AT)[0] == datetime(2026, 1, 5, 9, tzinfo=UTC)


@effect("OnCall.overrides", "Override.from", "Override.to", "Override.person", "Override.reason")
def test_somebody_stands_in() -> None:
    stands_in = {**SPAN, "person": "cho", "reason": "dentist"}
    assert who(overrides=[stands_in]) == ("cho", "dentist")
    assert who(AT + timedelta(days=1), overrides=[stands_in])[0] == "ana"
    assert who(AT - timedelta(days=1), overrides=[stands_in])[0] == "ana"


@effect("OnCall.swaps", "Swap.week", "Swap.with", "Swap.reason")
def test_two_weeks_are_exchanged() -> None:
    swaps = [{"week": "2026-01-05", "with": "2026-01-12", "reason": "holiday"}]
    assert who(swaps=swaps) == ("ben", "holiday")
    assert who(AT + timedelta(days=7), swaps=swaps) == ("ana", "holiday")
    assert who(AT + timedelta(days=14), swaps=swaps) == ("ana", "")


@effect("OnCall.people", "Person.away", "Person.name", "Span.from", "Span.to")
def test_somebody_is_away() -> None:
    people = PEOPLE | {"ana": PEOPLE["ana"] | {"away": [SPAN]}}
    assert who(people=people) == (None, "Ana is away")
    assert who(AT + timedelta(days=1), people=people)[0] == "ana"
    assert who(AT - timedelta(days=1), people=people)[0] == "ana"


@effect("Person.email", "Person.slack", "OnCall.escalation", "Escalation.after", "Escalation.to")
def test_who_is_told_and_how_they_are_reached() -> None:
    people = PEOPLE | {"ana": {"name": "Ana", "email": "a@example.com", "slack": "U0ANA"}}
    called = rota(people=people, escalation={"after": "5m", "to": ["cho"]})
    assert on_call(called, AT) == (Contact("Ana", "a@example.com", "U0ANA"),)
    assert [contact.name for contact in escalation(called, AT)] == ["Cho"]
    assert [contact.name for contact in escalation(rota(), AT)] == ["Ben"], "whoever is next"
    assert policy(called).escalate_after == timedelta(minutes=5)
    assert policy(rota()).escalate_after == timedelta(minutes=30)


@effect("OnCall.digest")
def test_the_hour_of_the_digest() -> None:
    assert digest_span(rota(), AT) is not None, "it is noon"
    assert digest_span(rota(digest="13:00"), AT) is None


def notice(**changes: Any) -> Notice:
    made: dict[str, Any] = {"identity": "a", "thread": "a", "kind": "opened", "at": AT, "title": "t", "severity": "critical",
                            "family": "upstream", "owners": ("o@example.com",)}  # fmt: skip
    return Notice(**made | changes)


SEVERITIES = {"core": "critical", "standard": "major", "experimental": "minor"}
DAYS = ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")


@pytest.mark.parametrize(("key", "value", "of", "other"), [
    *(pytest.param("tiers", [tier], {"severity": severity}, {"severity": "minor" if tier == "core" else "critical"},
                   marks=effect("Route.tiers", f"Route.tiers={tier}", "Route.to", "OnCall.routes"))
      for tier, severity in SEVERITIES.items()),
    *(pytest.param("families", [family], {"family": family}, {"family": "code" if family != "code" else "upstream"},
                   marks=effect("Route.families", f"Route.families={family}"))
      for family in ("code", "declaration", "upstream", "retryable")),
    pytest.param("owners", ["p@example.com"], {"owners": ("p@example.com",)}, {"owners": ("q@example.com",)},
                 marks=effect("Route.owners")),
])  # fmt: skip
def test_which_notices_go_a_route(key: str, value: list[str], of: dict[str, Any], other: dict[str, Any]) -> None:
    # A second value beside it, so that a forgotten one doesn't leave an empty list, which means all.
    more = {
        "tiers": "core" if value != ["core"] else "standard",
        "families": "code" if value != ["code"] else "upstream",
    }
    routes = rota(routes=[{key: value, "to": ["here"]}, {"to": ["elsewhere"]}])
    assert route(notice(**of), routes, ("here", "elsewhere"), AT) == Routed(("here",))
    assert route(notice(**other), routes, ("here", "elsewhere"), AT) == Routed(("elsewhere",))
    if key in more:
        both = rota(routes=[{key: [*value, more[key]], "to": ["here"]}, {"to": ["elsewhere"]}])
        assert route(notice(**of), both, ("here", "elsewhere"), AT) == Routed(("here",))


@pytest.mark.parametrize("day", [pytest.param(day, marks=effect("Route.days", f"Route.days={day}")) for day in DAYS])
def test_on_which_days_a_route_is_open(day: str) -> None:
    routes = rota(routes=[{"days": [day, "monday" if day != "monday" else "tuesday"], "to": ["here"]}])
    opens = datetime(2026, 1, 5, 3, tzinfo=UTC) + timedelta(days=DAYS.index(day))
    assert route(notice(), routes, ("here",), opens) == Routed(("here",))
    closed = opens + timedelta(days=2 if day in ("monday", "tuesday") else 1 if day != "sunday" else 2)
    assert route(notice(), routes, ("here",), closed).not_before is not None


@effect("Route.hours")
def test_at_which_hours_a_route_is_open() -> None:
    assert route(notice(), rota(routes=[{"hours": "11:00-13:00", "to": ["here"]}]), ("here",), AT) == Routed(("here",))
    later = route(notice(), rota(routes=[{"hours": "14:00-15:00", "to": ["here"]}]), ("here",), AT)
    assert later.not_before == datetime(2026, 1, 6, 5, tzinfo=UTC)


NIGHT = datetime(2026, 1, 5, 14, tzinfo=UTC)
"""Monday, 23 o'clock in Seoul."""
MORNING = datetime(2026, 1, 5, 22, tzinfo=UTC)


@pytest.mark.parametrize("tier", [
    pytest.param("standard", marks=effect("OnCall.quiet", "Quiet.tiers", "Quiet.tiers=standard")),
    # What is quiet where nothing is said of tiers.
    pytest.param("experimental", marks=effect("OnCall.quiet", "Quiet.tiers=experimental")),
])  # fmt: skip
def test_which_notices_wait_for_the_morning(tier: str) -> None:
    other = "standard" if tier == "experimental" else "experimental"
    quiet = rota(quiet=[{"tiers": [tier], "hours": "22:00-07:00"}])
    assert route(notice(severity=SEVERITIES[tier]), quiet, ("here",), NIGHT) == Routed(("here",), MORNING)
    assert route(notice(severity=SEVERITIES[tier]), quiet, ("here",), MORNING) == Routed(("here",))
    assert route(notice(severity=SEVERITIES[other]), quiet, ("here",), NIGHT) == Routed(("here",))
    both = rota(quiet=[{"tiers": ["standard", "experimental"], "hours": "22:00-07:00"}])
    assert route(notice(severity=SEVERITIES[tier]), both, ("here",), NIGHT).not_before == MORNING
    assert route(notice(severity="critical"), both, ("here",), NIGHT) == Routed(("here",)), "what pages never waits"


@pytest.mark.parametrize("day", [pytest.param(day, marks=effect("Quiet.days", f"Quiet.days={day}")) for day in DAYS])
def test_on_which_days_it_is_quiet(day: str) -> None:
    quiet = rota(quiet=[{"days": [day]}])
    noon = datetime(2026, 1, 5, 3, tzinfo=UTC) + timedelta(days=DAYS.index(day))
    ends = noon.replace(hour=15)
    assert route(notice(severity="minor"), quiet, ("here",), noon).not_before == ends
    assert route(notice(severity="minor"), quiet, ("here",), noon + timedelta(days=1)) == Routed(("here",))


@effect("Quiet.hours")
def test_quiet_hours_lead_into_a_quiet_day_and_hold_routes_too() -> None:
    """Saturday, 23 o'clock: until Monday at seven; a route of the day opens at nine."""
    quiet = [{"hours": "22:00-07:00"}, {"days": ["sunday"]}]
    saturday = NIGHT + timedelta(days=5)
    assert route(notice(severity="minor"), rota(quiet=quiet), ("here",), saturday).not_before == MORNING + timedelta(
        days=6
    )
    routes = [{"hours": "09:00-18:00", "to": ["here"]}]
    held = route(notice(severity="minor"), rota(quiet=quiet, routes=routes), ("here",), saturday)
    assert held.not_before == MORNING + timedelta(days=6, hours=2)
    only = rota(quiet=[{"hours": "01:00-02:00"}])
    assert route(notice(severity="minor"), only, ("here",), NIGHT) == Routed(("here",))


def test_what_the_calendar_says_has_its_own_hour() -> None:
    quiet = rota(quiet=[{"hours": "22:00-07:00"}])
    assert route(notice(severity="minor", kind="digest"), quiet, ("here",), NIGHT) == Routed(("here",))


@pytest.mark.parametrize("wrong", [{"tiers": ["core"], "hours": "22:00-07:00"}, {}, {"days": list(DAYS)}, {"hours": "7-22"},
                                   {"hours": "07:00-07:00"}, {"tiers": [], "hours": "22:00-07:00"}])  # fmt: skip
def test_quiet_that_never_ends_or_covers_what_pages_is_a_mistake(wrong: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match="quiet"):
        rota(quiet=[wrong])
