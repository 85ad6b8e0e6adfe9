"""Where a notice goes and when, by tier, owner, family and hour."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from deployments.declarations.oncall import OnCall
from flows.cli.check import check
from tasks.notices.channels import channels
from tasks.notices.notice import Notice
from tasks.notices.routing import Routed, route

Make = Callable[..., Notice]
CHANNELS = ("mail", "ops", "pager", "payments")
ROUTES: list[dict[str, Any]] = [
    {"owners": ["payments@example.com"], "to": ["payments"]},
    {"families": ["declaration"], "to": ["ops"]},
    {"tiers": ["core"], "to": ["ops", "pager"]},
    {"tiers": ["standard"], "days": ["monday", "tuesday"], "hours": "09:00-18:00", "to": ["ops"]},
    {"tiers": ["experimental"], "hours": "22:00-06:00", "to": ["mail"]},
]


def rota(*routes: dict[str, Any]) -> OnCall:
    return OnCall.model_validate({
        "timezone": "Asia/Seoul", "starts": "2026-01-05", "rotation": ["ana"], "routes": list(routes),
        "people": {"ana": {"name": "Ana", "email": "ana@example.com"}},
    })  # fmt: skip


def seoul(text: str) -> datetime:
    return datetime.fromisoformat(f"{text}+09:00").astimezone(UTC)


@pytest.mark.parametrize(
    ("changes", "at", "expected", "opens"),
    [
        ({"owners": ("payments@example.com",)}, "2026-11-23T03:00", ("payments",), None),
        ({"family": "declaration"}, "2026-11-23T03:00", ("ops",), None),
        ({}, "2026-11-23T03:00", ("ops", "pager"), None),
        ({"severity": "major"}, "2026-11-23T10:00", ("ops",), None),
        ({"severity": "major"}, "2026-11-23T03:00", ("ops",), "2026-11-23T09:00"),
        ({"severity": "major"}, "2026-11-24T18:00", ("ops",), "2026-11-30T09:00"),  # Tuesday evening: next Monday
        ({"severity": "minor"}, "2026-11-23T05:59", ("mail",), None),  # hours that span midnight
        ({"severity": "minor"}, "2026-11-23T06:00", ("mail",), "2026-11-23T22:00"),
    ],
)
def test_the_first_route_that_fits(
    notice: Make, changes: dict[str, Any], at: str, expected: tuple[str, ...], opens: str | None
) -> None:
    routed = route(notice(**changes), rota(*ROUTES), CHANNELS, seoul(at))
    assert routed == Routed(expected, seoul(opens) if opens else None)


def test_a_later_route_that_takes_it_now_wins_over_waiting(notice: Make) -> None:
    routes = rota({"hours": "09:00-18:00", "to": ["ops"]}, {"to": ["mail"]})
    assert route(notice(), routes, CHANNELS, seoul("2026-11-23T03:00")) == Routed(("mail",))


def test_a_hole_in_the_routes_is_not_silence(notice: Make) -> None:
    everywhere = Routed(CHANNELS)
    now = seoul("2026-11-23T03:00")
    assert route(notice(), rota({"tiers": ["standard"], "to": ["ops"]}), CHANNELS, now) == everywhere
    assert route(notice(), rota({"to": ["unknown"]}), CHANNELS, now) == everywhere
    assert route(notice(), None, CHANNELS, now) == everywhere


def test_one_unusable_address_does_not_silence_the_others(caplog: pytest.LogCaptureFixture) -> None:
    found = channels({"ops": "https://example.com/hook", "mail": "smtp://mail.example.com/?from=secret@example.com"})
    assert list(found) == ["ops"]
    assert "HEADGATE_NOTIFY_MAIL" in caplog.text
    assert "secret" not in caplog.text


def test_check_tells_unusable_and_absent_channels(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "tables").mkdir()
    people = "people: {ana: {name: Ana, email: ana@example.com}}\nrotation: [ana]\n"
    (tmp_path / "oncall.yaml").write_text(
        f"timezone: UTC\nstarts: 2026-01-05\n{people}routes: [{{to: [ops, pager]}}]\n"
    )
    monkeypatch.setenv("HEADGATE_PROJECT", str(tmp_path))
    monkeypatch.setenv("HEADGATE_NOTIFY_OPS", "slack://token")
    done = CliRunner().invoke(check)
    assert done.exit_code == 2
    assert "HEADGATE_NOTIFY_OPS must be slack://TOKEN@CHANNEL-ID" in done.output
    assert "HEADGATE_NOTIFY_PAGER is not set here" in done.output
