"""Compiled templates are kept, taken where they are still those of the text and its options, and never in the way."""

from __future__ import annotations

from pathlib import Path

import pytest
from jinja2 import DictLoader, Environment

from expectations.report import pages
from expectations.report.compiled import Compiled


class Counting(Environment):
    """Counts what it compiles."""

    compiled = 0

    def _generate(self, *arguments: object, **named: object) -> str:
        self.compiled += 1
        return super()._generate(*arguments, **named)  # type: ignore[arg-type]


def compilations(folder: Path, text: str = "{{ 6 * n }}", said: str = "42", **options: bool) -> int:
    """How many templates a new process would compile for this text."""
    environment = Counting(
        loader=DictLoader({"page.html": text}), autoescape=True, bytecode_cache=Compiled(folder, options), **options
    )
    assert environment.get_template("page.html").render(n=7) == said
    return environment.compiled


def test_a_template_is_compiled_once_for_its_text_and_options(tmp_path: Path) -> None:
    folder = tmp_path / "templates"
    assert [compilations(folder), compilations(folder)] == [1, 0]
    assert [compilations(folder, trim_blocks=True), compilations(folder, trim_blocks=True)] == [1, 0]
    assert compilations(folder, text="{{ n }}", said="7") == 1
    assert {file.stat().st_mode & 0o077 for file in (folder, *folder.iterdir())} == {0}


@pytest.mark.parametrize("keep", [0, 5, 40])
def test_what_was_cut_off_is_compiled_anew(tmp_path: Path, keep: int) -> None:
    compilations(tmp_path)
    (file,) = tmp_path.iterdir()
    file.write_bytes(file.read_bytes()[:keep])
    assert [compilations(tmp_path), compilations(tmp_path)] == [1, 0]


def test_a_folder_that_cant_be_made_is_no_fault(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    assert compilations(tmp_path / "file" / "templates") == 1


def test_pages_are_the_same_from_compiled_templates(site, sales, run_of, soon, tmp_path, monkeypatch) -> None:
    written = []
    for _ in range(2):
        pages._environment.cache_clear()
        pages.keep_compiled(tmp_path / "templates")
        environment = pages._environment()
        if written:
            monkeypatch.setattr(environment, "compile", None)
        site.add(run_of(1), sales, soon(run_of(1)))
        written.append({key: site.shelf.get(key) for key in site.shelf.keys("") if key.endswith(".html")})
    pages._environment.cache_clear()
    assert written[0] == written[1]
    assert len(written[0]) >= 3
