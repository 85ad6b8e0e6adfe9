"""A date is told by its shape first and by its digits then; both must agree with the spelling itself."""

from __future__ import annotations

from datetime import datetime

import pytest

from expectations.profile.spelling import _SPELLINGS, date_format

MOMENTS = (datetime(2024, 2, 29, 23, 59, 58), datetime(1999, 1, 1), datetime(2031, 12, 10, 1, 2, 3))


@pytest.mark.parametrize("form", sorted({form for _, form, _ in _SPELLINGS}))
def test_every_spelling_is_found_again(form: str) -> None:
    for moment in MOMENTS:
        value = moment.strftime(form.format("d", "m") if "{}" in form else form)
        first = next(named for shape, named, _ in _SPELLINGS if shape.match(value))
        assert date_format(value) in (first, "iso")


@pytest.mark.parametrize(
    "value", ["12345678", "20241399", "99/99-2024", "1e5f9a0b7c", "2024-1-1x", "10.12.20244", "v2024/01/01"]
)
def test_what_only_looks_like_a_date_is_none(value: str) -> None:
    assert date_format(value) is None
