"""The documentation is kept true: commands, options, settings, links and examples in it exist and work."""

from __future__ import annotations

import re
from pathlib import Path

import click
import pytest
from pydantic import BaseModel

from deployments.declarations.folder import Place, told_at
from deployments.declarations.parsing import parse
from deployments.declarations.problems import Problem
from deployments.declarations.reference import PAGES as REFERENCE
from deployments.declarations.rules import table_faults
from deployments.declarations.suite import Suite
from deployments.declarations.summary import read_summary
from deployments.declarations.table import Table
from deployments.declarations.yaml_source import read_yaml
from deployments.declared_settings import SETTINGS, mistyped
from deployments.next_commands import written
from expectations.contract.reasons import reasons
from flows.cli import COMMANDS, cli

ROOT = Path(__file__).parent.parent
OF_TESTS = {"HEADGATE_KILL_AT", "HEADGATE_RECONCILE_TRIALS", "HEADGATE_CI"}
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md"))]

pages = pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)


def blocks(page: Path, language: str) -> list[str]:
    # In turn, so that the end of a block isn't taken for the beginning of one without a language.
    found = re.findall(r"^```(\w*)\n(.*?)^```$", page.read_text(), re.DOTALL | re.MULTILINE)
    return [text for name, text in found if name == language]


def commands(page: Path) -> list[str]:
    """Command lines of headgate in code blocks and in inline code."""
    inline = re.findall(r"`(headgate [^`\n]+)`", page.read_text())
    lines = [line.strip() for block in blocks(page, "sh") + blocks(page, "") for line in block.splitlines()]
    found = [part.strip() for line in lines for part in re.split(r"&&|·", line.split("#")[0])]
    # Next commands stand in the docs as errors print them: several steps in one line.
    steps = [command for line in inline for command, _ in written(line) if command.startswith("headgate ")]
    return steps + [line for line in found if line.startswith("headgate ")]


@pages
def test_commands_in_the_docs_exist(page: Path) -> None:
    for line in commands(page):
        words = line.split()[1:]
        if not words or words[0].startswith("-"):
            continue
        for name in words[0].split("|"):
            assert name in COMMANDS, f"{page.name}: headgate {name}"


@pages
def test_options_in_the_docs_exist(page: Path) -> None:
    for line in commands(page):
        words = line.split()[1:]
        context = click.Context(cli)
        command: click.Command | None = cli.get_command(context, words[0]) if words else None
        while isinstance(command, click.Group) and len(words) > 1 and not words[1].startswith("-"):
            words = words[1:]
            following = command.get_command(context, words[0].split("|")[0])
            assert following is not None, f"{page.name}: {line}"
            command = following
        if command is None or isinstance(command, click.Group):
            continue
        known = {option for parameter in command.params for option in parameter.opts} | {"--help", "-h"}
        for option in re.findall(r"(?<=\s)(--[a-z][a-z-]*)", line):
            assert option in known, f"{page.name}: {line}: {option}"


def test_every_page_is_linked_from_the_readme() -> None:
    linked = {(ROOT / path).resolve() for path in re.findall(r"\]\(([^)#:]+)", (ROOT / "README.md").read_text())}
    alone = [page for page in PAGES[1:] if not linked & {page, page.parent}]
    assert not alone, f"in no row of README's Read on: {alone}"


@pages
def test_settings_in_the_docs_exist(page: Path) -> None:
    variables = set(re.findall(r"HEADGATE_[A-Z_]+[A-Z]", page.read_text().replace("_<NAME>", "_NAME")))
    assert mistyped(variables - OF_TESTS) is None


def test_every_setting_stands_in_the_table_of_the_docs_as_it_is_declared() -> None:
    text = (ROOT / "docs" / "production.md").read_text()
    rows = [line for line in text.splitlines() if line.startswith("| `HEADGATE_")]
    assert rows == [f"| `{item.variable}` | {item.meaning} | {item.said_default} |" for item in SETTINGS]


@pages
def test_links_between_pages_work(page: Path) -> None:
    for target in re.findall(r"\]\(([^)#]+)(?:#[^)]*)?\)", page.read_text()):
        if "://" not in target:
            assert (page.parent / target).exists(), f"{page.name}: {target}"


def test_the_table_and_suite_of_the_guide_are_right(tmp_path: Path) -> None:
    yaml = blocks(ROOT / "docs" / "add-a-table.md", "yaml")
    problems: list[Problem] = []
    file = tmp_path / "orders.yaml"
    file.write_text(yaml[0])
    table = parse(Table, read_yaml(file, problems), file, problems)
    file.write_text(yaml[1])
    suite = parse(Suite, read_yaml(file, problems), file, problems)
    assert problems == []
    assert table is not None
    assert suite is not None
    assert list(table_faults(table)) == []


def test_the_summary_of_the_guide_is_right(tmp_path: Path) -> None:
    file = tmp_path / "revenue_by_month.sql"
    file.write_text(blocks(ROOT / "docs" / "add-a-summary.md", "sql")[0])
    problems: list[Problem] = []
    assert read_summary(file, problems) is not None
    assert problems == []


def yaml_faults(text: str, root: type[BaseModel], file: Path) -> list[Problem]:
    """What is wrong in a block, as (a part of) a file: a page may leave out keys that aren't its matter."""
    file.write_text(text)
    problems: list[Problem] = []
    content = read_yaml(file, problems)
    whole = parse(root, content, file, problems)
    if isinstance(whole, Table):
        return [*problems, *(told_at(Place(file, content), fault) for fault in table_faults(whole))]
    return [problem for problem in problems if problem.message != "is missing" or "." in problem.key]


YAML = [
    pytest.param(page, text, id=f"{page.name} {number}")
    for page in PAGES for number, text in enumerate(blocks(page, "yaml"), start=1)
]  # fmt: skip


@pytest.mark.parametrize(("page", "text"), YAML)
def test_every_declaration_on_a_page_is_right(page: Path, text: str, tmp_path: Path) -> None:
    """As the file whose keys it has; of several the one in which nothing is wrong."""
    tried = {root.stands_in: yaml_faults(text, root, tmp_path / "block.yaml") for root in REFERENCE.values()}
    assert any(faults == [] for faults in tried.values()), min(tried.values(), key=len)


@pages
def test_every_summary_on_a_page_is_right(page: Path, tmp_path: Path) -> None:
    for text in blocks(page, "sql"):
        file, problems = tmp_path / "block.sql", list[Problem]()
        file.write_text(text)
        if text.startswith("/*"):
            assert read_summary(file, problems) is not None
        assert problems == []


def phrases(line: str) -> list[str]:
    """Runs of three words and more between what differs from run to run: figures, names, dates, addresses."""
    bare = re.sub(r"\d[\d,.:%-]*( [a-z]+)?", "|", line)
    bare = re.sub(r"\S*[_./:=(*)<>$'`\"A-Z-]\S*", "|", bare)
    return [part.strip() for part in re.split(r"[|;,#+:]|\s{2,}", bare) if len(part.split()) >= 3]


def printed_blocks() -> list[tuple[str, str]]:
    """What commands print, on pages; the README's is held by the test of the demo, word for word."""
    blocks_of = [(page, block) for page in PAGES[1:] for name in ("text", "") for block in blocks(page, name)]
    return [(page.name, block) for page, block in blocks_of if not block.lstrip().startswith("headgate ")]


def test_what_pages_say_that_a_command_prints_is_still_printed() -> None:
    """Of each phrase three words in a row stand in the code: a message that was worded anew is found on its page."""
    code = [file.read_text() for name in ("flows", "tasks", "expectations") for file in (ROOT / name).rglob("*.py")]
    text = re.sub(r"\s+", " ", re.sub(r'"\s*\n\s*f?"', "", "\n".join(code)))
    found = [
        (page, phrase) for page, block in printed_blocks() for line in block.splitlines() for phrase in phrases(line)
    ]
    assert len(found) > 10
    for page, phrase in found:
        words = phrase.split()
        assert any(" ".join(words[at : at + 3]) in text for at in range(len(words) - 2)), f"{page}: {phrase}"


def test_every_reason_code_is_in_the_guide() -> None:
    text = (ROOT / "docs" / "add-a-table.md").read_text()
    assert [code for code in reasons() if code not in text] == []


def test_every_test_that_the_security_page_names_exists() -> None:
    named = re.findall(r"`(tests/[\w/]+\.py)::(\w+)`", (ROOT / "SECURITY.md").read_text())
    assert named
    assert [f"{file}::{name}" for file, name in named if f"def {name}(" not in (ROOT / file).read_text()] == []


def test_the_map_names_every_package_and_only_files_that_are_there() -> None:
    text = (ROOT / "docs" / "architecture.md").read_text()
    packages = {
        f"{file.parent.relative_to(ROOT)}/"
        for top in ("deployments", "expectations", "tasks", "flows")
        for file in (ROOT / top).rglob("__init__.py")
    }
    assert packages - set(re.findall(r"`([\w/]+/)`", text)) == set()
    named = re.findall(r"`((?:deployments|expectations|tasks|flows|tests|docs)/[\w./]+)`", text)
    assert [path for path in named if not (ROOT / path).exists()] == []
