"""Light commands start at once: nothing heavy is imported for a help text, a check or a mistyped name."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

REPOSITORY = Path(__file__).parents[3]
PROGRAM = """\
import sys
sys.argv = ["headgate", *sys.argv[1:]]
from deployments.origin import main
try:
    main()
except SystemExit as end:
    code = end.code
heavy = [name for name in ("prefect", "great_expectations", "pandas", "boto3", "sqlalchemy") if name in sys.modules]
print(code, heavy)
"""


def run(tmp_path: Path, program: str, *arguments: str) -> str:
    environment = {key: value for key, value in os.environ.items() if not key.startswith("HEADGATE_")}
    done = subprocess.run(
        [sys.executable, "-c", program, *arguments], cwd=tmp_path, env=environment | {"PYTHONPATH": str(REPOSITORY)},
        capture_output=True, text=True,
    )  # fmt: skip
    return (done.stdout or done.stderr).splitlines()[-1]


@pytest.mark.parametrize(("arguments", "code"), [
    ((), 2), (("--help",), 0), (("--version",), 0), (("check",), 2), (("plan",), 2), (("settings",), 0),
    (("--project", "shop", "check"), 0), (("check", "--json", "--project", "shop"), 0), (("check", "--help"), 0),
    (("drift", "--help"), 0), (("drift", "score", "--help"), 0), (("run", "--help"), 0), (("plan", "--help"), 0),
    (("peek", "--help"), 0), (("new", "--help"), 0), (("--project", "shop", "lineage"), 0),
    (("review", "--help"), 0), (("peek", "absent.csv"), 2),
    (("summary", "try", "--help"), 0),
    (("demo", "--help"), 0), (("up", "--help"), 0), (("rnu",), 2), (("run",), 2), (("run", "--windw", "x", "a"), 2),
])  # fmt: skip
def test_nothing_heavy_is_imported(tmp_path: Path, arguments: tuple[str, ...], code: int) -> None:
    assert run(tmp_path, PROGRAM, *arguments) == f"{code} []"


@pytest.mark.parametrize("package", ["flows", "tasks", "expectations", "deployments"])
def test_importing_a_package_imports_nothing_heavy(tmp_path: Path, package: str) -> None:
    program = (
        f"import sys, {package}\nprint([n for n in ('prefect', 'great_expectations', 'pandas') if n in sys.modules])"
    )
    assert run(tmp_path, program) == "[]"


def test_a_run_of_a_table_imports_nothing_of_summaries_replays_and_notices(tmp_path: Path) -> None:
    program = """\
import sys
from flows import ingest, run, step_results
from types import SimpleNamespace
bench = SimpleNamespace(project=SimpleNamespace(summaries={}))
run.build_summaries(bench, ["raw.x"], run.Outcome(), with_dependents=True, rebuild=False)
others = ("flows.summarize", "tasks.summarize", "tasks.metrics", "tasks.replay", "tasks.notify", "tasks.incidents.watching")
print([name for name in others if name in sys.modules])
"""
    assert run(tmp_path, program) == "[]"


def test_the_garbage_of_imports_is_looked_for_seldom(tmp_path: Path) -> None:
    # None while all of Prefect is imported: hundreds with Python's own thresholds.
    program = """\
import gc
from deployments.origin import main
try:
    main()
except SystemExit:
    pass
before = sum(kind["collections"] for kind in gc.get_stats())
import prefect.main
print(sum(kind["collections"] for kind in gc.get_stats()) - before, end=" ")
gc.collect()
print(gc.get_threshold()[0])
"""
    # Afterwards often enough that a long command keeps no garbage.
    assert run(tmp_path, program, "--version") == "0 50000"


@pytest.mark.parametrize(("arguments", "code"), [(("--project", "shop", "check"), 0), (("check",), 2)])
def test_a_command_ends_without_a_word_of_its_libraries(tmp_path: Path, arguments: tuple[str, ...], code: int) -> None:
    # DuckDB, which the first of them imports, says on the last line of all what was not freed.
    program = "from deployments.origin import main\nmain()"
    done = subprocess.run(
        [sys.executable, "-c", program, *arguments], cwd=tmp_path,
        env=os.environ | {"PYTHONPATH": str(REPOSITORY)}, capture_output=True, text=True,
    )  # fmt: skip
    assert (done.returncode, "leaked" in done.stderr) == (code, False)
    assert bool(done.stderr) == (code != 0)
