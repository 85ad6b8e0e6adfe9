"""Pages from what is kept: templates with autoescape, one style sheet and one small script inside each page.

A page loads nothing. Its content security policy forbids every request, and allows only the script that is in it.
"""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Mapping, Sequence
from datetime import datetime
from functools import cache
from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup

from expectations.breaks import breaks
from expectations.report import words
from expectations.report.about import Described
from expectations.report.actions import Links
from expectations.report.compiled import Compiled
from expectations.report.model import Line, RunTwin, StartRow, TableTwin
from expectations.report.run_view import run_view
from expectations.report.start_view import start_view
from expectations.report.table_view import table_view
from expectations.report.texts import Texts

_TEMPLATES = Path(__file__).parent / "templates"
# Not optimized: nothing of this program's is computed when a template is compiled, so that a compiled one may outlive a version.
_OPTIONS: dict[str, Any] = {
    "undefined": StrictUndefined, "trim_blocks": True, "lstrip_blocks": True, "optimized": False,
}  # fmt: skip
GLOSSARY = (
    "batch",
    "published",
    "set aside",
    "rule",
    "tolerance",
    "unusual",
    "override",
    "undo",
    "whole source",
    "promise",
)
"""Words of the pages that a data owner may not know; what each means is a text."""


def start_html(rows: Sequence[StartRow], texts: Texts, now: datetime, handover: str = "", metrics: str = "") -> str:
    """The start page: every table, by owner. `handover`: the page of the newest hand-over of the rota; `metrics`: that of the
    metrics."""
    names = {
        "view": start_view(rows, texts, now),
        "handover": handover,
        "metrics": metrics,
        "root": "",
        "twin": "index.json",
    }
    return rendered("start.html", names, texts, now)


def table_html(
    twin: TableTwin, lines: Sequence[Line], pages: set[str], texts: Texts, links: Links, now: datetime
) -> str:
    """The page of a table. `lines`: oldest first; `pages`: runs whose page is still there."""
    view = table_view(twin, lines, pages, texts, links, now)
    return rendered("table.html", {"view": view, "root": "../../", "twin": "index.json"}, texts, now)


def run_html(run: RunTwin, described: Described, texts: Texts, links: Links, now: datetime) -> str:
    """The page of a run."""
    view = run_view(run, described, texts, links, now)
    names = {"view": view, "root": "../../../", "twin": f"{run.line.run_id}.json"}
    return rendered("run.html", names, texts, now)


def rendered(template: str, names: Mapping[str, object], texts: Texts, now: datetime) -> str:
    """A template with its names filled in, as it is written."""
    known = {"t": texts, "now": now, "glossary": GLOSSARY}
    made = _environment().get_template(template).render({**names, **known, **_inlined()})
    # Templates leave blank lines and indents; without them a page is a fifth smaller.
    return "\n".join(line.strip() for line in made.splitlines() if line.strip()) + "\n"


def keep_compiled(folder: Path) -> None:
    """From now on templates are kept in `folder` as they were compiled. It must be this user's alone: what is in it is run."""
    environment = _environment()
    if environment.bytecode_cache is None:
        environment.bytecode_cache = Compiled(folder, _OPTIONS)


@cache
def _environment() -> Environment:
    made = Environment(loader=FileSystemLoader(_TEMPLATES), autoescape=True, auto_reload=False, **_OPTIONS)
    made.filters |= {
        "number": words.number, "share": words.share, "moment": words.moment, "duration": words.duration,
        "iso": words.iso, "local": words.moment, "breaks": breaks,
        "figure": lambda value, name, unit=None: words.figure(name, value, unit),
    }  # fmt: skip
    return made


@cache
def _inlined() -> Mapping[str, object]:
    """Style and script as they stand in each page, and the hash by which the policy knows the script."""
    style = " ".join(line.strip() for line in (_TEMPLATES / "page.css").read_text(encoding="utf-8").splitlines())
    script = (_TEMPLATES / "page.js").read_text(encoding="utf-8")
    script = "\n".join(line.strip() for line in script.splitlines() if line.strip())
    digest = base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
    # Both are files of this package: nothing of the data is in them.
    return {"style": Markup(style), "script": Markup(script), "script_hash": digest}  # noqa: S704
