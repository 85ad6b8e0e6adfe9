"""`null: [NA]` is read as the documentation writes it, though a bare `null` is YAML's own null."""

from __future__ import annotations

from pathlib import Path

import pytest

from deployments.declarations.columns import Column
from deployments.declarations.parsing import parse
from deployments.declarations.problems import Problem
from deployments.declarations.yaml_source import read_yaml


@pytest.mark.parametrize("text", ['{name: x, type: integer, null: ["", NA]}', 'name: x\ntype: integer\nnull: ["", NA]'])
def test_spellings_of_no_value(tmp_path: Path, text: str) -> None:
    problems: list[Problem] = []
    file = tmp_path / "x.yaml"
    column = parse(Column, read_yaml(file, problems, text=text), file, problems)
    assert problems == []
    assert column is not None
    assert column.null == ("", "NA")
