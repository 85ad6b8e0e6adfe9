"""A cron that `check` passes is one that Prefect schedules; what is wrong with another one is said field by field."""

from __future__ import annotations

import pytest

from deployments.declarations.cron import check_cron

SOUND = [
    "0 2 * * *", "*/5 * * * *", "0 9-17 * * 1-5", "0,30 6 1,15 * *", "5 4 * jan-mar mon", "0 0 29 2 *", "0 0 * * 7",
    "0 0 31 * *", "10-50/20 * * * *", "0 0 * * SUN", "0 0 30 2 1",
]  # fmt: skip
WRONG = [
    ("61 25 * * 9", "minute '61' is out of range; allowed: \\* or 0 to 59"), ("0 25 * * *", "hour '25' is out of range"),
    ("0 0 0 * *", "day of the month '0'"), ("0 0 * 13 *", "month '13' .*1 to 12 or jan to dec"),
    ("0 0 * * 9", "weekday '9' .*0 to 7"), ("0 0 * * mo", "weekday 'mo' is out of range"), ("0 2 * *", "five fields"),
    ("0 0 2 * * *", "five fields.*found 6"), ("*/0 * * * *", "holds nothing"), ("50-10 * * * *", "holds nothing"),
    ("a b c d e", "out of range"), ("@daily", "five fields"), ("0 0 30 2 *", "never comes: no such month has a day 30"),
    ("0 0 31 4,6 *", "never comes"), ("1.5 * * * *", "isn't a field"), ("5/10 * * * *", "a step needs a range"),
    ("? * * * *", "isn't a field"), ("-1 * * * *", "isn't a field"), ("", "five fields"),
]  # fmt: skip


@pytest.mark.parametrize("text", SOUND)
def test_prefect_schedules_what_is_sound(text: str) -> None:
    from prefect.client.schemas.schedules import CronSchedule

    assert check_cron(text) == text
    assert CronSchedule(cron=text, timezone="UTC")


@pytest.mark.parametrize(("text", "words"), WRONG)
def test_what_is_wrong_is_said(text: str, words: str) -> None:
    with pytest.raises(ValueError, match=words):
        check_cron(text)
