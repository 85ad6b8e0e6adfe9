"""The format of a date or timestamp: refused offline when it can't be read without guessing."""

from __future__ import annotations

import re
from datetime import datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from deployments.declarations.time_format import check_format, pattern_of

SOUND = ["%Y-%m-%d", "%d.%m.%y", "%Y%m%d", "%Y%j", "%a, %d %b %Y", "100%% %Y-%m-%d", "%Y-%m-%d 00:00"]
TIMES = ["%m/%d/%Y %H:%M", "%Y-%m-%dT%H:%M:%S.%fZ", "%I:%M:%S %p %d %B %Y", "%Y%m%d%H%M%S"]


@pytest.mark.parametrize("text", SOUND)
def test_formats_of_a_day(text: str) -> None:
    check_format(text, "date")
    check_format(text, "timestamp")


@pytest.mark.parametrize(("text", "words"), [
    ("%d/%m", "doesn't name a day"), ("%Y-%m", "doesn't name a day"), ("%Y %y %j", "doesn't name a day"), ("soon", "a day"),
    ("%s", "%s isn't known; allowed: %d, %m, %Y"), ("%Y-%m-%dT%H:%M%z", "is a timestamptz"), ("%-d.%m.%Y", "%- isn't known"),
    ("%Y-%m-%d%", "isn't known"), ("%Y-%m-%d %d", "%d stands twice"), ("%Y-%m-%d %I", "%I and %p belong together"),
])  # fmt: skip
def test_formats_that_would_guess_are_refused(text: str, words: str) -> None:
    with pytest.raises(ValueError, match=re.escape(words)):
        check_format(text, "timestamp")


@pytest.mark.parametrize("text", TIMES)
def test_a_date_may_not_drop_the_time_of_day(text: str) -> None:
    check_format(text, "timestamp")
    with pytest.raises(ValueError, match="would drop the time of day"):
        check_format(text, "date")


def test_a_time_has_an_hour_and_no_day() -> None:
    for text in ("%H:%M", "%I:%M:%S %p", "%H%M%S"):
        check_format(text, "time")
    for text, why in (
        ("%M:%S", "needs an hour"),
        ("%Y-%m-%d %H:%M", "would drop the day"),
        ("%I:%M", "belong together"),
    ):
        with pytest.raises(ValueError, match=why):
            check_format(text, "time")


@given(st.datetimes(datetime(1000, 1, 1)), st.sampled_from(SOUND + TIMES))
def test_what_the_format_writes_it_also_describes(moment: datetime, text: str) -> None:
    assert re.fullmatch(pattern_of(text), moment.strftime(text))
