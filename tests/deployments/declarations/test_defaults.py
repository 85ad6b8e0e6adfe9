"""`defaults.yaml` holds for every table whose own file doesn't say the key; what is wrong in it is told there, and once."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from deployments.declarations.table import Table
from deployments.project import load_project, read_project

TABLE = """\
table: raw.{name}
description: Rows.
{more}source: {{kind: csv, url: "file:///a.csv"}}
columns: [{{name: id, type: integer}}]
load: {{mode: full_refresh}}
"""
Write = Callable[..., Path]


@pytest.fixture
def write(tmp_path: Path) -> Write:
    def written(defaults: str, **tables: str) -> Path:
        (tmp_path / "tables").mkdir(exist_ok=True)
        (tmp_path / "defaults.yaml").write_text(defaults)
        for name, more in tables.items():
            (tmp_path / "tables" / f"{name}.yaml").write_text(TABLE.format(name=name, more=more))
        return tmp_path

    return written


CASES: dict[str, tuple[str, str, Callable[[Table], object], object, object]] = {
    "owner": ("owner: us", "owner: me\n", lambda table: table.owner, "us", "me"),
    "schedule": (
        'schedule: {cron: "0 5 * * *"}', "schedule: null\n", lambda table: table.schedule and table.schedule.cron,
        "0 5 * * *", None,
    ),
    "grants": ("grants: [readers]", "grants: []\n", lambda table: table.grants, ("readers",), ()),
    "retries": ("retries: {count: 7}", "retries: {delay: 1m}\n", lambda table: table.retries.count, 7, 1),
    "sla": ("sla: [{for: us, max_age: 2d}]", "sla: []\n", lambda table: [item.for_ for item in table.sla], ["us"], []),
    "holidays": (
        "holidays: {2026-12-25: Christmas Day}", "holidays: {}\n",
        lambda table: {f"{day}": name for day, name in table.holidays.items()}, {"2026-12-25": "Christmas Day"}, {},
    ),
}  # fmt: skip


@pytest.mark.effect(
    "Defaults.owner", "Defaults.schedule", "Defaults.grants", "Defaults.retries", "Defaults.sla", "Defaults.holidays"
)
@pytest.mark.parametrize("key", CASES)
def test_a_default_holds_where_the_table_says_nothing(write: Write, key: str) -> None:
    shared, own, read, default, said = CASES[key]
    more = "" if key == "owner" else "owner: x\n"
    tables = load_project(write(f"{shared}\n", silent=more, says=more + own)).tables
    assert read(tables["raw.silent"]) == default
    assert read(tables["raw.says"]) == said
    (write("", silent=more) / "defaults.yaml").unlink()
    without, problems = read_project(
        write("{}\n", silent="owner: x\n", says="owner: x\n" + own.replace("owner: me\n", ""))
    )
    assert problems == []
    assert read(without.tables["raw.silent"]) != default


FAULTS = {
    "an unknown key": ("owner: us\ntier: core\n", [(2, "tier", "is not a known key")]),
    "a wrong value": ("owner: us\nretries: {count: many}\n", [(2, "retries.count", "must be a whole number")]),
    "a holiday that is no day": (
        "owner: us\nholidays:\n  2026-12-25: x\n  2026-02-30: x\n",
        [(4, "holidays.2026-02-30", "is no date")],
    ),
    "a holiday without a name": ("owner: us\nholidays: {2026-12-25: }\n", [(2, "holidays.2026-12-25", "has no value")]),
    "not YAML": ("owner: [\n", [(2, "", "isn't valid YAML")]),
}


@pytest.mark.parametrize("case", FAULTS)
def test_a_fault_of_the_defaults_is_told_once_and_there(write: Write, case: str) -> None:
    text, expected = FAULTS[case]
    project = write(text, one="owner: x\n" if case == "not YAML" else "", two="owner: x\n")
    _, problems = read_project(project)
    assert [(problem.file.name, problem.line, problem.key) for problem in problems] == [
        ("defaults.yaml", line, key) for line, key, _ in expected
    ]
    assert all(words in str(problem) for problem, (_, _, words) in zip(problems, expected, strict=True))


def test_a_default_that_does_not_fit_a_table_is_told_where_it_stands(write: Write) -> None:
    project = write("owner: us\nschedule: {cron: '0 5 * * *', parallel: 4}\n", one="")
    _, problems = read_project(project)
    assert [(problem.file.name, problem.line) for problem in problems] == [("defaults.yaml", 2)]
