"""`headgate report open|build|publish`: the pages data owners read."""

from __future__ import annotations

import json
import sys
import time
from typing import TYPE_CHECKING

import click

from deployments.quantities import plural

if TYPE_CHECKING:
    from tasks.report import Built, Progress
    from tasks.workbench import Workbench

SECONDS_BETWEEN_LINES = 10


@click.group()
def report() -> None:
    """The pages data owners read."""


@report.command("open")
@click.argument("what", required=False, metavar="[TABLE|RUN]")
@click.option("--print", "only_print", is_flag=True, help="Print the address, open nothing.")
@click.option("--json", "as_json", is_flag=True, help="Print the address as JSON, open nothing.")
def open_command(what: str | None, only_print: bool, as_json: bool) -> None:
    """Open the report, the page of a TABLE or the page of a RUN in a browser; prints its address."""
    from deployments.errors import DeclarationError
    from expectations.report import shelf
    from tasks.objects.store import open_store

    bench = _bench()
    store = open_store(bench.report_url, "HEADGATE_REPORT_URL")
    key = _page(bench, store.keys("start"), what)
    if key not in store.keys(key):
        raise DeclarationError(
            f"there is no page {key} at {bench.report_url}", code="NO-REPORT",
            next_command="headgate report build   (makes it anew from what the warehouse knows)",
        )  # fmt: skip
    url = store.url(key)
    if as_json:
        start = store.url(shelf.START_PAGE)
        click.echo(json.dumps({"url": url, "report": start, "twin": store.url(key.removesuffix("html") + "json")}))
        return
    click.echo(url)
    if not only_print and sys.stdout.isatty() and url.startswith("file://"):
        click.launch(url)


@report.command()
@click.option("--runs", default=1000, show_default=True, help="The last runs of each table that are told.")
@click.option(
    "--pages",
    type=click.IntRange(0, 400),
    default=400,
    show_default=True,
    help="The last runs of each table that get a page of their own; most of the time goes there.",
)
@click.option("--anew", is_flag=True, help="Write every page, also those of which nothing has changed.")
@click.option("--json", "as_json", is_flag=True, help="Print what was written as JSON.")
def build(runs: int, pages: int, anew: bool, as_json: bool) -> None:
    """Bring the report to what the ops tables say, all of it when its store was lost or moved.

    A page of a run is written when something of it has changed, or its file, since the last build.
    """
    from flows.cli.settings import workbench
    from tasks import report as reporting

    told = None if as_json else _Progress()
    bench = workbench(silent=as_json, need="warehouse")
    built = reporting.build(bench, runs, told, pages=pages, anew=anew)
    _print(built, as_json, f", {built.written} pages of runs written")


class _Progress:
    """A line for each table at a terminal, elsewhere one now and then."""

    def __init__(self) -> None:
        self._said = time.monotonic()
        self._often = sys.stderr.isatty()

    def __call__(self, done: Progress) -> None:
        from deployments.quantities import plural

        if self._often or time.monotonic() - self._said > SECONDS_BETWEEN_LINES:
            self._said = time.monotonic()
            said = f"{plural(done.runs, 'run')}, {plural(done.written, 'page')} written"
            click.echo(f"  {done.number} of {done.tables}  {done.table}: {said}", err=True)


@report.command()
@click.argument("destination", metavar="URL")
@click.option("--json", "as_json", is_flag=True, help="Print what was copied as JSON.")
def publish(destination: str, as_json: bool) -> None:
    """Copy the report to another file:// or s3:// address."""
    from urllib.parse import urlsplit

    from deployments.errors import DeclarationError
    from tasks import report as reporting
    from tasks.objects.store import open_store

    if urlsplit(destination).scheme not in ("file", "s3"):
        raise DeclarationError(
            f"'{destination}' must start with file:// or s3://", code="REPORT-URL",
            next_command="headgate report publish s3://bucket/folder",
        )  # fmt: skip
    source = open_store(_bench().report_url, "HEADGATE_REPORT_URL")
    _print(reporting.copy_site(source, open_store(destination.rstrip("/"), "the address that was typed")), as_json)


def _bench() -> Workbench:
    """Settings without a warehouse: looking at pages starts no server."""
    from deployments.settings import read_settings
    from tasks.workbench import Workbench

    return Workbench(read_settings())


def _page(bench: Workbench, start_rows: list[str], what: str | None) -> str:
    from deployments.errors import DeclarationError
    from expectations.report import shelf
    from tasks.objects.store import open_store

    if what is None:
        return shelf.START_PAGE
    tables = [key.removeprefix("start/").removesuffix(".json") for key in start_rows]
    table = next((name for name in tables if what in (name, name.partition(".")[2])), None)
    if table is not None:
        return shelf.table_page(table)
    store = open_store(bench.report_url, "HEADGATE_REPORT_URL")
    # A run's name begins with its table's: few folders have to be looked at.
    for name in tables:
        if what.startswith(name.partition(".")[2]) and (key := shelf.run_page(name, what)) in store.keys(key):
            return key
    there = shelf.START_PAGE in store.keys(shelf.START_PAGE)
    raise DeclarationError(
        f"the report knows no table or run '{what}'", code="NO-PAGE",
        next_command="headgate report open" if there else "headgate report build   (nothing was written yet)",
    )  # fmt: skip


def _print(built: Built, as_json: bool, more: str = "") -> None:
    if as_json:
        from dataclasses import asdict

        click.echo(json.dumps(asdict(built)))
        return
    written = f"{plural(built.tables, 'table')}, {plural(built.runs, 'run')}, {plural(built.objects, 'object')}"
    click.echo(f"{written}{more}: {built.url}/index.html")
