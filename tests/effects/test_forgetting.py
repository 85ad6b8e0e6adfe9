"""What is forgotten has no effect, and comes back: the tool that tries the marked tests takes away what it says."""

from __future__ import annotations

import click
import pytest
from click.testing import CliRunner

from deployments.declarations.columns import Column
from deployments.declarations.table import Load
from deployments.settings import read_settings
from flows.cli import cli
from tests.effects.forgetting import forget


@pytest.mark.parametrize(("name", "read", "given", "forgotten"), [
    ("Load.tolerance", lambda: Load(mode="append", tolerance="7%").tolerance, "7%", "1%"),
    ("Load.mode=append", lambda: Load(mode="append").mode, "append", "full_refresh"),
    ("Load.mode=merge", lambda: Load(mode="append").mode, "append", "append"),
    ("Column.cast=trim", lambda: Column(name="a", type="integer", cast=("trim", "upper")[:1]).cast, ("trim",), ()),
    ("HEADGATE_KEEP_DAYS", lambda: read_settings({"HEADGATE_KEEP_DAYS": "3"}).keep_days, 3, 7),
    ("HEADGATE_CONNECTION_<NAME>", lambda: dict(read_settings({"HEADGATE_CONNECTION_A": "https://a"}).connections),
     {"a": "https://a"}, {}),
])  # fmt: skip
def test_a_key_or_setting(name: str, read: object, given: object, forgotten: object) -> None:
    assert callable(read)
    undo = forget(name)
    assert read() == forgotten
    undo()
    assert read() == given


def test_an_option() -> None:
    undo = forget("headgate check --json")
    plain = CliRunner().invoke(cli, ["check", "--json", "--project", "shop"])
    undo()
    assert isinstance(cli, click.Group)
    assert plain.output[0] != "{"
    assert CliRunner().invoke(cli, ["check", "--json", "--project", "shop"]).output[0] == "{"
