"""What is told from the spelling of one value."""

from __future__ import annotations

import random

import pytest

from expectations.profile.spelling import date_format, facts, facts_of_one, pattern


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ("AB-12", "AA-99"),
        ("ABC", "A+"),
        ("Sweetheart Stand", "Aa+"),
        ("17850.0", "99999.9"),
        ("12345678", "9+"),
        ("é", "u"),
        ("", ""),
    ],
)
def test_pattern_keeps_shape_and_shortens_runs(value: str, expected: str) -> None:
    assert pattern(value) == expected


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ("2011-06-13 07:58:00", "iso"),
        ("2011-06-13T07:58:00Z", "iso"),
        ("2011-06-13", "iso"),
        ("2001/01/14 21:55", "%Y/%m/%d %H:%M"),
        ("01/12/2010 08:26", "%{}/%{}/%Y %H:%M"),
        ("20240131", "%Y%m%d"),
        ("20240131235959", "%Y%m%d%H%M%S"),
        ("12345678", None),
        ("17850.0", None),
        ("SWEETHEART", None),
    ],
)
def test_date_formats(value: str, expected: str | None) -> None:
    assert date_format(value) == expected


@pytest.mark.parametrize(
    ("value", "fact"),
    [
        (" x", "edge_space"),
        ("a  b", "double_space"),
        ("ABC", "upper"),
        ("abc", "lower"),
        ("007", "digits_only"),
        ("né", "non_ascii"),
        ("nÃ©", "garbled"),
        ("n\ufffd", "garbled"),
        ("N/A", "nullish"),
        ("-1.5e3", "number"),
    ],
)
def test_facts_that_hold(value: str, fact: str) -> None:
    assert getattr(facts(value), fact)
    assert not getattr(facts("Plain word"), fact)


def test_facts_by_shape_are_those_of_the_value_itself() -> None:
    texts = [
        *("2020-01-02T03:04:05.123Z", "2020-13-02 10:00", "1/2/2020 10:00 AM", "20200101123456", "99999999", "1e5"),
        *("-1.5E+10", ".5e3", "1.5e", "N/A", " None ", "--", "#N/A", "\\N", "abc  def", "ABC-123", "12.5", "é1", "Ã©x"),
    ]
    chance = random.Random(7)
    for _ in range(30_000):
        value = list(chance.choice(texts))
        for _ in range(chance.randint(0, 3)):
            value.insert(chance.randint(0, len(value)), chance.choice("0123456789aAeEtTZnN/-. :+?#é"))
        if chance.random() < 0.5:
            value.pop(chance.randrange(len(value)))
        assert facts("".join(value)) == facts_of_one("".join(value)), "".join(value)
