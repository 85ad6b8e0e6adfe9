"""Each summary's SQL, run on PostgreSQL over the shop's rows, equals figures computed another way from the same rows.

The other way is pandas over the generator's rows: no SQL, no warehouse. The planted answer isn't there: it is in
quarantine.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping

import pandas as pd
import pytest
from pandas.testing import assert_frame_equal

from deployments.project import Project
from deployments.shop.world.planted import BAD_ANSWER
from deployments.shop.world.rows import Row, SourceRows
from deployments.shop.world.sources import all_rows

Frames = dict[str, pd.DataFrame]


def frame(rows: SourceRows) -> pd.DataFrame:
    return pd.DataFrame(list(rows.rows), columns=list(rows.header))


@pytest.fixture(scope="module")
def world() -> Frames:
    frames = {name: frame(rows) for name, rows in all_rows().items()}
    frames["nps"] = frames["nps"][frames["nps"]["id"] != BAD_ANSWER.key["id"]]
    return frames


@pytest.fixture(scope="module")
def built(build_summaries: Callable[[Mapping[str, Iterable[Row]]], Frames]) -> Frames:
    rows: dict[str, Iterable[Row]] = {name: source.rows for name, source in all_rows().items()}
    rows["nps"] = [row for row in rows["nps"] if row[0] != BAD_ANSWER.key["id"]]
    return build_summaries(rows)


@pytest.fixture(scope="module")
def dated(world: Frames) -> pd.DataFrame:
    """Sessions with a known start, their month and their payment."""
    sessions = world["user_session_channel"].merge(world["session_timestamp"], on="sessionid")
    sessions["month"] = sessions["ts"].dt.to_period("M").dt.to_timestamp()
    payments = world["session_transaction"].set_index("sessionid")
    sessions["amount"] = pd.to_numeric(sessions["sessionid"].map(payments["amount"]))
    sessions["paying"] = sessions["sessionid"].isin(payments.index)
    sessions["refunded"] = sessions["sessionid"].map(payments["refunded"]).eq(True)
    return sessions


def assert_same(found: pd.DataFrame, expected: pd.DataFrame, *keys: str) -> None:
    def in_order(data: pd.DataFrame) -> pd.DataFrame:
        return data[list(expected.columns)].sort_values(list(keys)).reset_index(drop=True).convert_dtypes()

    assert list(found.columns) == list(expected.columns)
    assert len(expected) > 0
    assert_frame_equal(in_order(found), in_order(expected), check_dtype=False, check_exact=False, rtol=1e-12)


def test_calendar_month(built: Frames) -> None:
    months = pd.date_range("2019-05-01", "2019-11-01", freq="MS")
    numbers = [24232 + step for step in range(7)]  # 12 x 2019 + 5 - 1
    assert_same(built["calendar_month"], pd.DataFrame({"month": months, "month_number": numbers}), "month")


def test_monthly_active_users(built: Frames, dated: pd.DataFrame) -> None:
    groups = dated.groupby("month")
    expected = pd.DataFrame({"active_users": groups["userid"].nunique(), "sessions": groups.size()}).reset_index()
    assert_same(built["monthly_active_users"], expected, "month")


def test_channel_month(built: Frames, world: Frames, dated: pd.DataFrame) -> None:
    cells = []
    for month in pd.date_range("2019-05-01", "2019-11-01", freq="MS"):
        for channel in world["channel"]["channelname"]:
            here = dated[(dated["month"] == month) & (dated["channel"] == channel)]
            unique, paid = here["userid"].nunique(), here.loc[here["amount"] > 0, "userid"].nunique()
            rate = paid / unique if unique else None
            gross, net = here["amount"].sum(), here.loc[~here["refunded"], "amount"].sum()
            cells.append((month, channel, unique, paid, rate, int(gross), int(net)))
    columns = ["month", "channel", "unique_users", "paid_users", "conversion_rate", "gross_revenue", "net_revenue"]
    expected = pd.DataFrame(cells, columns=columns)
    assert len(expected) == 49
    assert_same(built["channel_month"], expected, "month", "channel")


def test_channel_without_sessions_stands_with_zeros_and_no_rate(built: Frames) -> None:
    unused = built["channel_month"].query("channel == 'TikTok'")
    assert len(unused) == 7
    assert unused[["unique_users", "paid_users", "gross_revenue", "net_revenue"]].eq(0).all(axis=None)
    assert unused["conversion_rate"].isna().all()


def test_cohort_retention(built: Frames, dated: pd.DataFrame) -> None:
    active: dict[pd.Timestamp, set[int]] = {
        month: set(group["userid"]) for month, group in dated.groupby("month") if isinstance(month, pd.Timestamp)
    }
    seen: set[int] = set()
    lines = []
    for cohort, users in active.items():
        new = users - seen
        seen |= users
        for step, month in enumerate([month for month in active if month >= cohort]):
            back = len(new & active[month])
            lines.append((cohort, month, step, len(new), back, back / len(new)))
    columns = ["cohort_month", "month", "months_since", "cohort_users", "active_users", "retention"]
    expected = pd.DataFrame(lines, columns=columns)
    assert len(expected) == 7 * 8 / 2
    assert_same(built["cohort_retention"], expected, "cohort_month", "month")


def test_user_first_last_channel(built: Frames, dated: pd.DataFrame) -> None:
    groups = dated.sort_values(["userid", "ts", "sessionid"]).groupby("userid")
    first, last = groups.head(1).set_index("userid"), groups.tail(1).set_index("userid")
    expected = pd.DataFrame(
        {"first_channel": first["channel"], "first_ts": first["ts"], "last_channel": last["channel"],
         "last_ts": last["ts"], "sessions": groups.size()}
    ).reset_index()  # fmt: skip
    assert_same(built["user_first_last_channel"], expected, "userid")


def test_attribution_month(built: Frames, dated: pd.DataFrame) -> None:
    first = dated.sort_values(["ts", "sessionid"]).drop_duplicates("userid").set_index("userid")["channel"]
    paid = dated[dated["amount"].notna() | dated["paying"]]
    paid = paid[~paid["refunded"]].assign(amount=paid["amount"].fillna(0), first=paid["userid"].map(first))
    by_first = paid.groupby(["month", "first"])["amount"].sum().rename_axis(["month", "channel"])
    by_last = paid.groupby(["month", "channel"])["amount"].sum()
    expected = (
        pd.DataFrame({"first_touch_revenue": by_first, "last_touch_revenue": by_last})
        .fillna(0)
        .astype(int)
        .reset_index()
    )
    assert expected["first_touch_revenue"].sum() == expected["last_touch_revenue"].sum() > 0
    assert not expected["first_touch_revenue"].equals(expected["last_touch_revenue"])
    assert_same(built["attribution_month"], expected, "month", "channel")


def test_variant_readout(built: Frames, world: Frames) -> None:
    sold = world["customer_interactions"].query("purchased == 1").astype({"paidamount": float})
    lines = []
    for variant, customers in world["customer_variants"].groupby("variant")["customer_id"]:
        here = sold[sold["customer_id"].isin(set(customers))]
        users, buyers = len(customers), here["customer_id"].nunique()
        lines.append((variant, users, buyers, here["paidamount"].sum(), buyers / users))
    expected = pd.DataFrame(lines, columns=["variant", "users", "buyers", "revenue", "conversion"]).set_index("variant")
    variance = expected["conversion"] * (1 - expected["conversion"]) / expected["users"]
    expected["lift"] = expected["conversion"] - expected.loc["control", "conversion"]
    half = 1.96 * (variance + variance["control"]) ** 0.5
    expected["lift_low"], expected["lift_high"] = expected["lift"] - half, expected["lift"] + half
    found = built["variant_readout"].astype({"revenue": float})
    assert_same(found, expected.reset_index(), "variant")
    assert set(found["variant"]) == {"control", "test"}


def test_monthly_key_figures(built: Frames, dated: pd.DataFrame) -> None:
    groups = dated.groupby("month")
    expected = pd.DataFrame({
        "active_users": groups["userid"].nunique(),
        "paying_users": dated[dated["amount"] > 0].groupby("month")["userid"].nunique(),
        "net_revenue": dated[~dated["refunded"]].groupby("month")["amount"].sum(),
    }).reset_index()  # fmt: skip
    assert_same(built["monthly_key_figures"].astype({"net_revenue": int}), expected, "month")
    both = built["monthly_key_figures"].merge(built["monthly_active_users"], on="month")
    assert both["active_users_x"].equals(both["active_users_y"]), "one metric in two summaries"


def test_user_summary(built: Frames, world: Frames) -> None:
    starts = dict(world["session_timestamp"].itertuples(index=False))
    payments = {row.sessionid: row for row in world["session_transaction"].itertuples(index=False)}
    expected = pd.DataFrame(
        [
            (visit.channel, visit.sessionid, visit.userid, starts.get(visit.sessionid),
             getattr(payments.get(visit.sessionid), "refunded", None),
             getattr(payments.get(visit.sessionid), "amount", None))
            for visit in world["user_session_channel"].itertuples(index=False)
        ],
        columns=["channel", "sessionid", "userid", "ts", "refunded", "amount"],
    )  # fmt: skip
    assert len(built["user_summary"]) == len(world["user_session_channel"])
    assert_same(built["user_summary"], expected, "sessionid")


def test_monthly_nps(built: Frames, world: Frames) -> None:
    answers = world["nps"].dropna(subset="score")
    lines = []
    for month, scores in answers.groupby(answers["created_at"].dt.to_period("M"))["score"]:
        kinds = pd.cut(scores.astype(int), [-1, 6, 8, 10], labels=["detractor", "passive", "promoter"]).value_counts()
        score = 100 * (kinds["promoter"] - kinds["detractor"]) / len(scores)
        lines.append(
            (month.to_timestamp(), len(scores), kinds["promoter"], kinds["passive"], kinds["detractor"], score)
        )
    columns = ["month", "answers", "promoters", "passives", "detractors", "nps"]
    assert_same(built["monthly_nps"], pd.DataFrame(lines, columns=columns), "month")


def test_every_declared_metric_and_key_is_a_column(built: Frames, shop: Project) -> None:
    for summary in shop.summaries.values():
        assert {*summary.metrics, *summary.key} <= set(built[summary.name].columns), summary.target
        assert not built[summary.name].duplicated(list(summary.key)).any(), summary.target
