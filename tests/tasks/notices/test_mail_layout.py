"""How a mail looks in a client: nothing is wider than its window, and it follows light and dark."""

from __future__ import annotations

import importlib.util
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tasks.notices.mail import html
from tasks.notices.notice import Notice

pytestmark = pytest.mark.browser
_file = Path(__file__).parents[2] / "expectations" / "report" / "conftest.py"
_spec = importlib.util.spec_from_file_location("report_browser", _file)
assert _spec is not None
assert _spec.loader is not None
_browser = importlib.util.module_from_spec(_spec)
sys.modules["report_browser"] = _browser
_spec.loader.exec_module(_browser)
chromium = _browser.chromium

LONG = "raw_data." + "a_table_with_quite_a_long_name_" * 4


@pytest.fixture
def mailed(notice: Callable[..., Notice], tmp_path: Path) -> Path:
    """A mail with names as long as they come, and Korean text."""
    made = notice(
        title=f"{LONG} 2026-11-28T02:00+09:00 failed [CHECK-FAILED]",
        cause=(f"{LONG}: 12 of 243 rows", "\uc810\uc218\ub294 0" * 30),
        commands=(f"headgate show {LONG}-2026-11-28-f48bbe   # look", "headgate incident ack 3fa9c1"),
    )  # fmt: skip
    file = tmp_path / "mail.html"
    file.write_text(html(made), encoding="utf-8")
    return file


@pytest.mark.parametrize("width", [320, 390, 600, 1280])
def test_a_mail_fits_its_window(chromium: Any, mailed: Path, width: int) -> None:
    chromium.open(mailed, width=width)
    assert chromium.requests == [mailed.as_uri()]
    assert chromium.run("document.documentElement.scrollWidth") <= width


TORN = """
(() => {
  const torn = [], walk = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT), part = document.createRange();
  const top = (node, at) => (part.setStart(node, at), part.setEnd(node, at + 1), part.getBoundingClientRect().top);
  while (walk.nextNode()) {
    const node = walk.currentNode, text = node.data;
    for (let at = 1; at < text.length; at++)
      if (/[^\\s-]/.test(text[at - 1]) && /\\S/.test(text[at]) && top(node, at) > top(node, at - 1) + 5)
        torn.push(text.slice(0, at) + "|" + text.slice(at));
  }
  return torn;
})()
"""
"""The words that go on in the next line, each with a `|` where it does."""


@pytest.mark.parametrize("width", [320, 390, 600, 1280])
def test_a_name_goes_on_in_the_next_line_between_its_words(
    chromium: Any, notice: Callable[..., Notice], tmp_path: Path, width: int
) -> None:
    made = notice(
        title=f"{LONG} 2026-11-28T02:00+09:00 failed [CHECK-FAILED]",
        cause=(f"{LONG}.a_column_of_many_words_as_well: 12 of 243 rows", "점수는 0에서 10 사이여야 합니다 " * 9),
        effect=("https://reports.example.com/a_folder/within_a_folder/" * 2,),
        commands=(f"headgate show {LONG}-2026-11-28-f48bbe   # look",),
    )
    file = tmp_path / "mail.html"
    file.write_text(html(made), encoding="utf-8")
    chromium.open(file, width=width)
    assert chromium.run(TORN) == []
    assert chromium.run("document.documentElement.scrollWidth") <= width


def test_a_mail_is_dark_where_its_reader_is(chromium: Any, mailed: Path) -> None:
    """Also where a client takes the style away, it is dark on light: colours stand beside each text."""
    seen = []
    for dark in (False, True):
        chromium.open(mailed, width=600, dark=dark)
        seen.append(chromium.run("[document.body, document.querySelector('.sheet'), document.querySelector('pre')]"
                                 ".map(part => getComputedStyle(part).backgroundColor)"))  # fmt: skip
    assert all(light != dark for light, dark in zip(*seen, strict=True))
    chromium.run("document.querySelector('style').remove()")
    bare = chromium.run("['color', 'backgroundColor'].map(name => getComputedStyle(document.body)[name])")
    assert bare == ["rgb(31, 35, 40)", "rgb(244, 245, 247)"]
