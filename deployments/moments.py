"""Until or since when: a duration such as 2h or 1d from now or back, or a date."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from deployments.declarations.model import seconds
from deployments.errors import DeclarationError


def until(text: str, now: datetime, option: str) -> datetime:
    """The moment that `text` means; a date means its beginning in UTC. DeclarationError unless it lies in the future."""
    moment = _moment(text, now, 1, option)
    if moment <= now:
        raise DeclarationError(
            f"{option} {text} is {moment:%Y-%m-%d %H:%M} UTC: that is over already", code="UNTIL",
            next_command=f"{option} 1d",
        )  # fmt: skip
    return moment


def back_to(text: str, now: datetime, option: str) -> datetime:
    """The moment since which something is asked for; a duration counts back from now, a date means its beginning in UTC."""
    return _moment(text, now, -1, option)


def _moment(text: str, now: datetime, way: int, option: str) -> datetime:
    text = text.strip()
    try:
        return now + way * timedelta(seconds=seconds(text))
    except (ValueError, OverflowError):
        pass
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        raise DeclarationError(
            f"{option} {text}: neither a duration (30m, 2h, 1d) nor a date or time (2026-12-31, 2026-12-31T18:00)",
            code="UNTIL", next_command=f"{option} 1d",
        ) from None  # fmt: skip
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)
