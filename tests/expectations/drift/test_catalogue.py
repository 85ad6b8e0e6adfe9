"""The catalogue is the one place that knows figures: whatever is measured has a row, and whatever a row says has an effect."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any, get_args

import pytest

from expectations import drift
from expectations.drift import detect
from expectations.drift.catalogue import FIGURES, KINDS, Figure, Trait, Unit, having, known
from expectations.drift.extract import extract
from expectations.drift.figures import named
from expectations.drift.frame import frame
from expectations.drift.words import TOLD, say_level, say_share
from expectations.profile import Profile
from expectations.profile.model import BETWEEN, READABLE, VERSION

OTHERS = {
    "value": "KR", "column": "city", "segment": f"city{BETWEEN}KR", "part": f"paid{BETWEEN}month", "formula": "a = b * c",
    "hour": "07", "share": "0.25", "since": "the batch's date", "place": "units", "": "",
}  # fmt: skip
SOURCES = {path.name: path.read_text("utf-8") for path in Path(next(iter(drift.__path__))).glob("*.py")}


def test_every_figure_that_is_measured_has_the_form_of_its_row(world: Any) -> None:
    for profile in world.profiles:
        made = extract(profile)
        for form, keys in (
            ("share", [*made.shares, *made.open]), ("level", made.levels), ("scaled", made.scaled),
        ):  # fmt: skip
            assert {key.figure.form for key in keys} == {form}


def test_every_figure_of_a_frame_has_a_row(world: Any) -> None:
    built = frame(
        world.profiles, [extract(p) for p in world.profiles], [float(day) for day in range(len(world.profiles))]
    )
    measured = {key.of for key in built.shares.keys + built.levels.keys}
    assert measured <= FIGURES.keys()
    assert len(measured) > 30


@pytest.mark.parametrize(
    ("kind", "name", "nearest"),
    [
        ("values", "larges", "values/largest"),
        ("value", "mean", "values/mean"),
        ("clock", "pattern", "clock/"),
        ("x", "y", ""),
    ],
)
def test_an_unknown_figure_is_refused_and_the_nearest_named(kind: str, name: str, nearest: str) -> None:
    for make in (lambda: named("paid", kind, name), lambda: known(kind, name)):
        with pytest.raises(ValueError, match=f"no figure {kind}/{name} in .*catalogue.py.*{nearest}"):
            make()


@pytest.mark.parametrize("row", FIGURES.values(), ids=lambda row: f"{row.kind}-{row.name}")
def test_every_figure_can_be_said(row: Figure) -> None:
    key = named("paid", row.kind, row.name, OTHERS[row.other])
    if row.form == "share":
        said = say_share(key, 0.0, 0.02, 0.05, 0.2, 500.0)
    else:
        said = say_level(key, 0.1, 0.2, 0.3, 0.9, 3.0 if row.form == "scaled" else float("nan"))
    assert "{" not in said.message + said.aside
    assert said.observed


def test_every_trait_and_unit_is_asked_for_somewhere() -> None:
    asked = {trait for text in SOURCES.values() for trait in re.findall(r'having\("(\w+)"\)', text)}
    assert set(get_args(Trait)) == asked
    assert all(having(trait) for trait in asked)
    assert TOLD.keys() | {"percent", "columns", "yes"} == set(get_args(Unit)) == {row.unit for row in FIGURES.values()}


def test_rows_are_of_kinds_and_nobody_else_lists_names() -> None:
    assert {row.kind for row in FIGURES.values()} == KINDS.keys() - {"schema", "slow_drift"}
    named_elsewhere = {
        file
        for file, text in SOURCES.items()
        if file != "catalogue.py" and re.search(r"\bk(ey)?\.name (==|in|not in)", text)
    }
    assert named_elsewhere == set()


def test_a_history_of_the_version_before_goes_on(world: Any) -> None:
    """A new figure starts when its numbers are there; all others are compared as before."""
    before = [_of_the_version_before(p) for p in world.profiles]
    now = world.measured([row | {"price": f"{float(row['price']) * 100:.2f}"} for row in world.today])
    told, before_told = (
        {(a.column, a.kind) for a in detect(now, history, history_labels=world.labels).alerts}
        for history in (world.profiles, before)
    )
    assert ("price", "values") in told
    assert told == before_told


def _of_the_version_before(profile: Profile) -> Profile:
    data = json.loads(json.dumps(profile.to_json()))
    for column in data["columns"].values():
        del column["steps"], column["ends"]
        for added in ("units", "hundredths", "multiples", "endings"):
            (column["numbers"] or {}).pop(added, None)
    del data["relations"]["combinations"]
    for added in ("delimiter", "unfinished", "marked_by", "value_marks"):
        del data[added]
    assert VERSION - 1 in READABLE
    return Profile.from_json(data | {"version": VERSION - 1})
