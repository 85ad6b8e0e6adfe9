"""Each cause that the engine can name has a SELECT of its own, or somebody has decided that none can show more."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

import expectations.drift
from tasks.shown_causes import is_known

# What stands behind a name that isn't spelled where the cause is made.
CALLED = {
    "how": ["in lower case", "in upper case", "in another case", "with no-break spaces", "with its words in another order",
            "with other marks or spaces", "with `EU-` in front", "with something else in front", "with ` km` behind"],
    "ends": ["1 character", "10 characters"],
    "few": ["1 row missing", "14 rows missing", "138 rows more"],
    "unit": ["unit x 100", "unit / 1,000", "factor x 3", "19 % higher"],
    "factor": ["factor x 3", "factor / 7.5", "19 % higher", "5 % lower"],
    "what": ["gone", "renamed to vat"],
    "causes_written.whole": ["whole numbers", "tens"],
    "causes_times.whole": ["a year", "one day", "30 days"],
    "causes_times.side": ["later", "earlier"],
    "causes_columns.side": ["left", "right"],
    "causes_missing.side": ["below", "above"],
    "causes_missing.value": ["1,000.5", "-7"],
    "where": ["from price on", "up to price"],
    "value": ["7", "it's"],
    "limit": ["5"], "number": ["5"], "hours": ["+3"], "half": ["+3.5"], "best": ["-2"], "middle": ["+2.5"],
}  # fmt: skip
ANY = ["price"]


def names() -> Iterator[tuple[str, bool, list[str]]]:
    """Of each place where a cause is made: where, whether it is of the table, and what it may be called there."""
    for path in sorted(Path(expectations.drift.__file__).parent.glob("*.py")):
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "Cause":
                yield (
                    f"{path.name}:{node.lineno}",
                    path.stem in ("causes_rows", "causes_columns"),
                    spelled(node.args[0], path.stem),
                )


def spelled(node: ast.expr, within: str) -> list[str]:
    match node:
        case ast.Constant(value=value):
            return [str(value)]
        case ast.IfExp(body=body, orelse=other):
            return [*spelled(body, within), *spelled(other, within)]
        case ast.JoinedStr(values=parts):
            told = [""]
            for part in parts:
                told = [before + one for before in told for one in spelled(part, within)]
            return told
        case ast.FormattedValue(value=value) if isinstance(value, (ast.Call, ast.Name, ast.IfExp)):
            return spelled(value, within)
        case ast.FormattedValue():
            return ["5"]
        case ast.Name(id=name):
            return CALLED.get(f"{within}.{name}", CALLED.get(name, ANY))
        case ast.Call(func=ast.Name(id=name)):
            return CALLED.get(name, ANY)
        case ast.Call():
            return ["time of day", "seconds"]
        case ast.BinOp():
            return ["5"]
    raise AssertionError(ast.dump(node))


@pytest.mark.parametrize(("at", "of_table", "called"), list(names()))
def test_every_cause_has_a_query(at: str, of_table: bool, called: list[str]) -> None:
    assert [name for name in called if not is_known(name, of_table=of_table)] == []


def test_there_are_causes_to_look_at() -> None:
    assert len(list(names())) > 50


@pytest.mark.parametrize("name", ["the moon is full", "", "rows multiplied by 3"])
def test_a_new_cause_without_a_query_is_seen(name: str) -> None:
    assert not is_known(name)
