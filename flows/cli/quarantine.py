"""`headgate quarantine`: rows set aside, with their reason."""

from __future__ import annotations

import click

from deployments.foreign_text import printable
from flows.cli.console import print_json
from flows.cli.replay import discard, replay

SHOWN = 20


@click.group()
def quarantine() -> None:
    """Rows set aside, by table and reason."""


@quarantine.command("list")
@click.argument("tables", nargs=-1, metavar="[TABLE...]")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def list_reasons(tables: tuple[str, ...], as_json: bool) -> None:
    """How many rows are set aside, by table and reason."""
    from flows.cli.settings import workbench
    from flows.selecting import selected
    from tasks.warehouses.names import TableName
    from tasks.warehouses.quarantine import summary
    from tasks.warehouses.session import session

    bench = workbench(silent=True, need="warehouse", asked=tables)
    wanted = [name for name in selected(bench.project, tables) if name in bench.project.tables]
    found = []
    with session(bench.warehouse.address) as connection, connection.cursor() as cursor:
        for name in wanted:
            for code, state, rows, label in summary(bench.warehouse, cursor, TableName.parse(name)):
                found.append({"table": name, "code": code, "state": state, "rows": rows, "last": label})
    if as_json:
        print_json(found)
        return
    for item in found:
        click.echo(f"{item['table']:<34} {item['code']:<22} {item['rows']:>8,} {item['state']:<10} last {item['last']}")
    if not found:
        click.echo("No rows are set aside.")


@quarantine.command("show")
@click.argument("table")
@click.option("--code", help="Only this reason.")
@click.option("--window", help="Only rows of this window (its label).")
@click.option("--limit", type=click.IntRange(1), help="How many rows; default: 20, as CSV all of them.")
@click.option(
    "--csv",
    "as_csv",
    is_flag=True,
    help="Print CSV with a header: window, row, code, column, raw; raw begins with ' where a spreadsheet would run it.",
)
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def show_rows(
    table: str, code: str | None, window: str | None, limit: int | None, as_csv: bool, as_json: bool
) -> None:  # fmt: skip
    """Rows set aside, as they arrived. Columns declared `pii: hash` hold their hash, `hide` is left out."""
    from flows.choosing import no_such_window
    from flows.cli.settings import workbench
    from tasks.warehouses.names import TableName
    from tasks.warehouses.quarantine import rows_of
    from tasks.warehouses.session import session

    if as_csv and as_json:
        raise click.UsageError("--csv or --json")
    bench = workbench(silent=True, need="warehouse", asked=[table])
    name = bench.project.full_name(table)
    grid = bench.project.table(table).grid if window else None
    try:
        label = window if grid is None or window is None else grid.label(grid.parse(window))
    except ValueError as error:
        raise no_such_window(name, str(error)) from None
    with session(bench.warehouse.address) as connection, connection.cursor() as cursor:
        most = limit or (None if as_csv else SHOWN)
        found = rows_of(bench.warehouse, cursor, TableName.parse(name), code, most, label)
    hidden = "hide" in bench.project.table(name).pii.values()
    if hidden:
        found = [row | {"raw": "(hidden: the table has columns that are not to be shown)"} for row in found]
    if as_json:
        print_json(found)
        return
    if as_csv:
        _write(found)
        return
    for row in found:
        where = f"{row['label']} row {int(str(row['record'])) + 1}"
        click.echo(f"{where:<28} {row['code']:<20} {row['column'] or '':<18} {row['raw']!r}")


def _write(found: list[dict[str, object]]) -> None:
    import csv
    import io

    text = io.StringIO(newline="")
    writer = csv.writer(text)
    writer.writerow(("window", "row", "code", "column", "raw"))
    writer.writerows(
        (_cell(row["label"]), int(str(row["record"])) + 1, row["code"], _cell(row["column"] or ""), _cell(row["raw"]))
        for row in found
    )
    click.echo(text.getvalue(), nl=False)


def _cell(text: object) -> str:
    """A text of somebody else's as a cell: neither a formula to a spreadsheet nor a command to a terminal."""
    clean = printable(str(text), 10 * len(str(text)) + 100)
    return f"'{clean}" if clean.startswith(("=", "+", "-", "@", "\t")) else clean


quarantine.add_command(replay)
quarantine.add_command(discard)
