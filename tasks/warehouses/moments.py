"""Moments in tables of ours: UTC without a zone, which both warehouses keep and compare alike."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import overload


@overload
def naive(moment: datetime) -> datetime: ...
@overload
def naive(moment: None) -> None: ...
def naive(moment: datetime | None) -> datetime | None:
    """As it is kept."""
    return None if moment is None else moment.astimezone(UTC).replace(tzinfo=None)


def aware(moment: datetime) -> datetime:
    """As it was before it was kept."""
    return moment.replace(tzinfo=UTC)
