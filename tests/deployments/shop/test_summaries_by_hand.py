"""Hand-made rows whose figures anybody can count: gaps, ties, refunds, vouchers, pending payments, nobody at all."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from datetime import date, datetime
from decimal import Decimal
from math import sqrt

import pandas as pd
import pytest

from deployments.shop.world.rows import Row

Frames = dict[str, pd.DataFrame]

NOV, DEC, FEB = datetime(2019, 11, 30, 23, 59, 59, 999000), datetime(2019, 12, 1), datetime(2020, 2, 29, 12)
ROWS: dict[str, list[Row]] = {
    "channel": [("Ads",), ("Mail",), ("Fax",)],
    "user_session_channel": [
        (1, "a", "Ads"), (1, "b", "Mail"), (1, "c", "Ads"), (2, "d", "Ads"), (2, "e", "Ads"), (3, "f", "Mail"),
        (4, "lost", "Mail"),
    ],
    # User 1 comes twice at the same instant in February; nobody comes in January; session "lost" has no start.
    "session_timestamp": [("a", NOV), ("b", FEB), ("c", FEB), ("d", NOV), ("e", DEC), ("f", DEC)],
    "session_transaction": [
        ("a", False, 10, NOV), ("c", True, 7, FEB), ("d", False, 0, NOV), ("e", None, None, DEC),
        ("lost", False, 99, FEB),
    ],
    "nps": [
        (1, NOV, 9, None, ""), (2, NOV, 6, None, None), (3, NOV, 7, None, None),
        (4, DEC, None, None, None), (5, FEB, 10, None, None), (6, FEB, 8, None, None), (7, FEB, 0, None, None),
    ],
    "customer_variants": [(1, "control"), (2, "control"), (3, "test"), (4, "test")],
    # One buys twice, one buys for nothing, one looks only.
    "customer_interactions": [
        (1, NOV, 1, 1, 1, 5), (2, NOV, 1, 1, 0, None), (3, NOV, 1, 1, 1, 10), (3, NOV, 2, 1, 1, 2.5), (4, NOV, 1, 1, 1, None),
    ],
}  # fmt: skip
N, D, J, F = date(2019, 11, 1), date(2019, 12, 1), date(2020, 1, 1), date(2020, 2, 1)

EXPECTED: dict[str, list[tuple[object, ...]]] = {
    "calendar_month": [(N, 24238), (D, 24239), (J, 24240), (F, 24241)],
    "monthly_active_users": [(N, 2, 2), (D, 2, 2), (F, 1, 2)],
    "channel_month": [
        (N, "Ads", 2, 1, 0.5, 10, 10), (N, "Fax", 0, 0, None, 0, 0), (N, "Mail", 0, 0, None, 0, 0),
        (D, "Ads", 1, 0, 0.0, 0, 0), (D, "Fax", 0, 0, None, 0, 0), (D, "Mail", 1, 0, 0.0, 0, 0),
        (J, "Ads", 0, 0, None, 0, 0), (J, "Fax", 0, 0, None, 0, 0), (J, "Mail", 0, 0, None, 0, 0),
        (F, "Ads", 1, 1, 1.0, 7, 0), (F, "Fax", 0, 0, None, 0, 0), (F, "Mail", 1, 0, 0.0, 0, 0),
    ],
    "cohort_retention": [
        (N, N, 0, 2, 2, 1.0), (N, D, 1, 2, 1, 0.5), (N, J, 2, 2, 0, 0.0), (N, F, 3, 2, 1, 0.5),
        (D, D, 0, 1, 1, 1.0), (D, J, 1, 1, 0, 0.0), (D, F, 2, 1, 0, 0.0),
    ],
    "user_first_last_channel": [
        (1, "Ads", NOV, "Ads", FEB, 3), (2, "Ads", NOV, "Ads", DEC, 2), (3, "Mail", DEC, "Mail", DEC, 1),
    ],
    "user_summary": [
        ("Ads", "a", 1, NOV, False, 10), ("Ads", "c", 1, FEB, True, 7), ("Ads", "d", 2, NOV, False, 0),
        ("Ads", "e", 2, DEC, None, None), ("Mail", "b", 1, FEB, None, None), ("Mail", "f", 3, DEC, None, None),
        ("Mail", "lost", 4, None, False, 99),
    ],
    "attribution_month": [(N, "Ads", 10, 10), (D, "Ads", 0, 0)],
    "monthly_key_figures": [(N, 2, 1, 10), (D, 2, 0, 0), (F, 1, 1, 0)],
    "variant_readout": [
        ("control", 2, 1, Decimal("5.00"), 0.5, 0.0, -1.96 * sqrt(0.25), 1.96 * sqrt(0.25)),
        ("test", 2, 2, Decimal("12.50"), 1.0, 0.5, 0.5 - 1.96 * sqrt(0.125), 0.5 + 1.96 * sqrt(0.125)),
    ],
    "monthly_nps": [(N, 3, 1, 1, 1, 0.0), (D, 0, 0, 0, 0, None), (J, 0, 0, 0, 0, None), (F, 3, 1, 1, 1, 0.0)],
}  # fmt: skip


@pytest.fixture(scope="module")
def built(build_summaries: Callable[[Mapping[str, Iterable[Row]]], Frames]) -> Frames:
    return build_summaries(ROWS)


def plain(value: object) -> object:
    if value is None or pd.isna(value):  # type: ignore[call-overload]
        return None
    if isinstance(value, pd.Timestamp):
        return value.to_pydatetime()
    return value.item() if hasattr(value, "item") else value


@pytest.mark.parametrize("name", sorted(EXPECTED))
def test_figures_are_what_anybody_counts(built: Frames, name: str) -> None:
    columns = [column for column in built[name].columns if column in ("month", "cohort_month")]
    frame = built[name].assign(**{column: built[name][column].dt.date for column in columns})
    found = [tuple(plain(value) for value in row) for row in frame.astype(object).itertuples(index=False, name=None)]
    assert sorted(found, key=repr) == sorted(EXPECTED[name], key=repr)


def test_without_sessions_there_are_no_months(build_summaries: Callable[[Mapping[str, Iterable[Row]]], Frames]) -> None:
    assert {name: len(frame) for name, frame in build_summaries({}).items()} == dict.fromkeys(EXPECTED, 0)
