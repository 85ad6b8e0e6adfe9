"""`headgate report open|publish`: addresses of pages, copies, and what is said when there is none."""

from __future__ import annotations

import json
import sys

import pytest
from click.testing import CliRunner

from deployments.errors import DeclarationError
from expectations.report import shelf as at
from flows.cli.report import report
from tasks.objects.store import FolderStore

TABLE, RUN = "raw_data.sales", "sales-2026-03-01-aa0000"


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """A report with a start page, one table and one run, where the settings say that it is."""
    for name in ("HEADGATE_REPORT_URL", "HEADGATE_WAREHOUSE_URL"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("HEADGATE_STATE", str(tmp_path / "state"))
    store = FolderStore((tmp_path / "state" / "report").as_uri())
    pages = [at.START_PAGE, at.START_TWIN, at.table_page(TABLE), at.history(TABLE), at.start_row(TABLE)]
    for key in [*pages, at.run_page(TABLE, RUN), at.run_page(TABLE, RUN, "json")]:
        store.put(key, b"{}")
    return tmp_path


def call(*arguments):
    return CliRunner().invoke(report, arguments, catch_exceptions=False)


@pytest.mark.parametrize(
    ("what", "page"),
    [
        ([], "index.html"), ([TABLE], f"tables/{TABLE}/index.html"), (["sales"], f"tables/{TABLE}/index.html"),
        ([RUN], f"tables/{TABLE}/runs/{RUN}.html"),
    ],
)  # fmt: skip
def test_open_prints_the_address_of_a_page_that_is_there(folder, what, page):
    assert call("open", *what).output.strip() == (folder / "state" / "report" / page).as_uri()


@pytest.mark.effect("headgate report open --print")
def test_open_starts_a_browser_at_a_terminal_unless_it_is_only_to_print(folder, monkeypatch, capsys):
    opened = []
    monkeypatch.setattr("click.launch", opened.append)
    monkeypatch.setattr(sys.stdout, "isatty", lambda: True, raising=False)
    for options in ((), ("--print",)):
        with pytest.raises(SystemExit):
            report.main(["open", *options])
    assert len(opened) == 1


def test_open_tells_a_program_the_page_and_its_twin(folder):
    told = json.loads(call("open", "sales", "--json").output)
    assert told["url"].endswith(f"tables/{TABLE}/index.html")
    assert told["twin"].endswith(f"tables/{TABLE}/index.json")


@pytest.mark.parametrize("what", ["nonsense", "sales-2026-03-01-ffffff"])
def test_open_says_when_nothing_has_that_name(folder, what):
    with pytest.raises(DeclarationError, match=what) as caught:
        call("open", what)
    assert caught.value.next_command == "headgate report open"


def test_open_says_how_to_make_a_report_that_is_not_there(folder, monkeypatch):
    monkeypatch.setenv("HEADGATE_REPORT_URL", (folder / "nowhere").as_uri())
    with pytest.raises(DeclarationError, match=r"no page index\.html") as caught:
        call("open")
    assert "headgate report build" in str(caught.value.next_command)


def test_publish_copies_everything_and_nothing_else(folder):
    (folder / "state" / "report" / "notes.txt").write_text("not ours")
    target = folder / "copy"
    assert json.loads(call("publish", target.as_uri(), "--json").output)["objects"] == 7
    assert not (target / "notes.txt").exists()
    assert (target / "index.html").is_file()


@pytest.mark.parametrize("url", ["http://example.com/x", "/tmp/x"])
def test_publish_refuses_an_address_it_cannot_write(folder, url):
    with pytest.raises(DeclarationError, match="file:// or s3://"):
        call("publish", url)
