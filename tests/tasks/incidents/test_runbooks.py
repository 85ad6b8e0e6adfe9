"""Every error code there is has a runbook, every runbook says whether a missed run loses data and names real commands."""

from __future__ import annotations

import ast
import re
from pathlib import Path

import pytest

from deployments import errors
from expectations.report.texts import Texts
from flows.cli import COMMANDS
from tasks.incidents.runbooks import RUNBOOKS, runbook

ROOT = Path(__file__).parents[3]
FOLDER = ROOT / "docs" / "runbooks"
# Codes of commands that a person types: they are told on the terminal and never open an incident.
OF_COMMANDS = re.compile(
    r"UNKNOWN-.*|NO-(PROJECT|REPORT|FOLDER|ROTA|WAREHOUSE)|INIT.*|NOT-THE-SHOP|REPORT-BUSY|INCIDENT-OVER|PAST-TIME|NOTI(CE|FY)-.*|NO-PAGE|PAGE-MISSING|PAUSE|UNTIL"
)


def codes_in_the_code() -> set[str]:
    """Every literal `code=` of a call, and the codes that error classes have by themselves."""
    found = set()
    for package in ("deployments", "tasks", "expectations", "flows"):
        for file in (ROOT / package).rglob("*.py"):
            for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
                if isinstance(node, ast.keyword) and node.arg == "code" and isinstance(node.value, ast.Constant):
                    found.add(str(node.value.value))
    return found


def test_every_code_has_a_runbook_of_its_own() -> None:
    mapped = {code for codes in RUNBOOKS.values() for code in codes}
    raised = {code for code in codes_in_the_code() if re.fullmatch(r"[A-Z][A-Z0-9-]+", code)}
    missing = {code for code in raised - mapped if not OF_COMMANDS.fullmatch(code)}
    assert missing == set(), "a new code belongs into tasks/incidents/runbooks.py and onto its page in docs/runbooks"


OF_PEOPLE = re.compile(
    "(ROLLBACK|NOTHING|DECISIONS|NOT-YOURS|ERASE|UNKNOWN|SECRET|SUMMARY|RULE|NOT-ON|SUMMARIES)-.*|NOT-LAST|OVERRIDE-REFUSED|"
    "QUARANTINE-CHANGED|ACCEPT-REFUSED|FOLDER-NOT-OURS|POOL-TAKEN|NO-SUCH-WINDOW|NO-WINDOWS|SCHEDULE|REPORT-URL|SOURCE|"
    "DRAFT-EXISTS|NOT-COMPARABLE|OLDER-VERSIONS"
)
"""Of commands that a person types, and of what is refused before anything is loaded: no run ends with them."""


def test_every_code_that_ends_a_run_has_plain_words_on_pages() -> None:
    of_runs = {code for codes in RUNBOOKS.values() for code in codes if not OF_PEOPLE.fullmatch(code)}
    assert [code for code in sorted(of_runs) if not Texts().known(f"code.{code}")] == []


def test_no_code_has_two() -> None:
    codes = [code for codes in RUNBOOKS.values() for code in codes]
    assert len(codes) == len(set(codes))


@pytest.mark.parametrize("family", ["code", "declaration", "upstream", "retryable"])
def test_an_unknown_code_is_led_to_its_family(family: errors.Family) -> None:
    assert (FOLDER / f"{runbook('NEVER-SEEN', family)}.md").exists()


@pytest.mark.parametrize("name", sorted(RUNBOOKS))
def test_a_runbook_is_short_and_answers_the_questions(name: str) -> None:
    text = (FOLDER / f"{name}.md").read_text(encoding="utf-8")
    assert 10 < len(text.splitlines()) < 80
    for heading in ("## What readers see", "## Does a missed run lose data?", "## What to do"):
        assert heading in text
    missing = [code for code in RUNBOOKS[name] if code not in text]
    assert missing == []


@pytest.mark.parametrize("file", sorted(FOLDER.glob("*.md")), ids=lambda file: file.stem)
def test_its_commands_exist(file: Path) -> None:
    used = set(re.findall(r"`headgate ([a-z]+)", file.read_text(encoding="utf-8")))
    assert used - set(COMMANDS) == set()
