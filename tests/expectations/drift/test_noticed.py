"""The smallest change that would be told: what is said of it is so, and where it is coarse a rule is named that `check` takes."""

from __future__ import annotations

import re
from typing import Any

import pytest
from click.testing import CliRunner
from ruamel.yaml import YAML

from deployments.declarations.suite import Suite
from expectations.drift import Lowered, detect
from expectations.drift.noticed import noticed
from expectations.record import WouldBeTold
from flows.cli.drift import drift
from tests.expectations.drift.conftest import name_of


def found(world: Any, **options: Any) -> dict[tuple[str | None, str], WouldBeTold]:
    told = noticed(world.profiles, world.labels, **options)
    return {(one.column, one.kind): one for one in reversed(told)}


def limits(text: str) -> list[float]:
    return [float(number.replace(",", "")) for number in re.findall(r"(?:below|above) ([\d.,]+)", text)]


def test_what_lies_beyond_is_told_and_what_lies_within_is_not(world: Any) -> None:
    """The last day with prices raised to just beyond what is said, and by a twentieth of that."""
    low, high = limits(found(world)[("price", "values")].told)
    middle = float(found(world)[("price", "values")].usual.replace(",", ""))
    last = len(world.profiles) - 1
    for times, is_told in ((1.1 * high / middle, True), (1 + 0.05 * (high / middle - 1), False)):
        rows = [row | {"price": f"{float(row['price']) * times:.2f}"} for row in world.day(last)]
        verdict = detect(
            world.measured(rows), world.profiles[:-1], batch_label=name_of(last), history_labels=world.labels[:-1]
        )
        assert (("price", "values") in {(a.column, a.kind) for a in verdict.alerts if a.score >= 1}) is is_told
    assert 0 < low < middle < high


def test_every_rule_is_one_that_a_suite_may_have(world: Any) -> None:
    loose = [Lowered(None, "*", 9), *(Lowered(name, "*", 9) for name in world.profiles[-1].columns)]
    rules = [one.rule for one in found(world, lowered=loose).values() if one.rule]
    assert {re.search(r"type: (\w+)", rule)[1] for rule in rules if rule} >= {  # type: ignore[index]
        "expect_table_row_count_to_be_between", "expect_column_values_to_not_be_null", "expect_column_values_to_be_in_set",
    }  # fmt: skip
    suite = YAML(typ="safe").load("table: raw.orders\nexpectations:\n" + "".join(f"  {rule}\n" for rule in rules))
    assert len(Suite.model_validate(suite).expectations) == len(rules)


def test_a_rule_holds_every_label_that_ever_came_and_none_is_made_of_ids(world: Any) -> None:
    """Where many rows share a price its middle number has no bound; its mean has one, and the rule is of the mean."""

    def shared(day: int) -> Any:
        number = {"price": "2.5" if day % 2 else "2.1", "store_no": "1" if day % 2 else "9"}
        rows = [row | (number if at % 3 else {"store_no": str(at)}) for at, row in enumerate(world.day(day))]
        return world.measured(rows if day < 20 else [row for row in rows if row["country"] != "JP"])

    loose = [Lowered(name, "*", 9) for name in world.profiles[-1].columns]
    told = noticed([shared(day) for day in range(21)], world.labels, lowered=[*loose, Lowered("store_no", "*", 9)])
    rules = [one.rule for one in told if one.rule]
    (countries,) = [rule for rule in rules if "COUNTRY-SET" in rule]
    assert '"JP"' in countries, "it came on twenty of 21 days"
    assert sum("PRICE-MEAN" in rule for rule in rules) == 1
    assert not any("STORE-NO-MEAN" in rule for rule in rules)


def test_a_narrow_bound_asks_for_no_rule(world: Any) -> None:
    assert found(world)[("country", "completeness")].rule is None
    assert found(world)[("country", "completeness")].usual == "0.0 %"
    assert "below" not in found(world)[("country", "completeness")].told, "no fewer than none are missing"


def test_the_setting_and_an_answer_move_what_is_told(world: Any) -> None:
    def high(**options: Any) -> float:
        return limits(found(world, **options)[("price", "values")].told)[-1]

    assert high(sensitivity="high") < high() < high(sensitivity="low")
    assert high() < high(lowered=[Lowered("price", "values")])


@pytest.mark.parametrize("price", ["1e308", "-1e308", "1e-308"])
def test_numbers_at_the_end_of_their_range_are_no_fault(world: Any, price: str) -> None:
    last = len(world.profiles) - 1
    odd = world.measured([row | {"price": price if n % 2 else row["price"]} for n, row in enumerate(world.day(last))])
    for profiles in ([*world.profiles[:-1], odd], [odd, *world.profiles[1:]]):
        told = noticed(profiles, world.labels)
        assert not any(re.search(r"\b(inf|nan)", f"{one.usual} {one.told} {one.rule}", re.IGNORECASE) for one in told)


@pytest.mark.parametrize("batches", [0, 5])
def test_a_few_batches_bound_nothing(world: Any, batches: int) -> None:
    assert noticed(world.profiles[:batches], world.labels[:batches]) == ()


def test_a_folder_is_asked_without_a_warehouse(history_folder: Any, monkeypatch: Any, tmp_path: Any) -> None:
    monkeypatch.setenv("HEADGATE_CACHE", str(tmp_path))
    done = CliRunner().invoke(drift, ["sensitivity", str(history_folder)])
    assert done.exit_code == 0, done.output
    assert "\nprice\n" in done.output
    assert re.search(r"  the number of rows: usually [\d,]+, told at the latest below", done.output)


def test_what_an_owner_found_not_interesting_is_named_with_how_much_further_it_is_told(world: Any) -> None:
    before, said = found(world), [Lowered("price", "values", 1), Lowered("country", "categories", 2)]
    after = found(world, lowered=said)
    assert not [one for one in before.values() if one.further]
    assert {place: one.further for place, one in after.items() if one.further} == {
        ("price", "values"): 2, ("country", "categories"): 4,
    }  # fmt: skip
    assert after["price", "values"].told != before["price", "values"].told


def test_a_rule_is_of_what_is_usual_and_not_of_a_last_batch_that_was_told(world: Any) -> None:
    odd = world.measured([row | {"price": f"{float(row['price']) * 100:.2f}"} for row in world.today])
    told = noticed(
        [*world.profiles, odd], [*world.labels, name_of(len(world.profiles))], lowered=[Lowered("price", "*", 3)]
    )
    (rule,) = {one.rule for one in told if one.rule and "PRICE-MEAN" in one.rule}
    least, most = (float(re.search(rf"{name}: ([\d.]+)", rule)[1]) for name in ("min_value", "max_value"))  # type: ignore[index]
    assert least < 27.5 < most < 100
