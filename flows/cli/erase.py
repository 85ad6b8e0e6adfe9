"""`headgate erase`: the rows of one key, out of everything that is kept of a table."""

from __future__ import annotations

import click

from flows.cli.console import print_json


@click.command()
@click.argument("table")
@click.option(
    "--key", "key", multiple=True, required=True, metavar="[COLUMN=]VALUE", help="Whose rows; several must all hold."
)
@click.option(
    "--reason", default="", help="Why, such as the number of the request; kept with the record. Needed without --plan."
)
@click.option("--by", help="Who decides, where that isn't your login, which is recorded, too.")
@click.option("--plan", "only_plan", is_flag=True, help="Show what would go and erase nothing.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def erase(table: str, key: tuple[str, ...], reason: str, by: str | None, only_plan: bool, as_json: bool) -> None:
    """Erase the rows of one key from TABLE, quarantine, what is kept for an undo, staged copies, records and pages.

    Erase them at the source first: the next load brings back what it still has. What goes doesn't come back, neither by
    replay nor by rollback. That it was done is recorded, without the value.
    """
    from flows.cli.settings import workbench
    from tasks import erase as erasures

    bench = workbench(silent=as_json, need="warehouse", asked=[table])
    request = erasures.requested(bench, bench.project.full_name(table), key)
    if only_plan:
        found = erasures.look(bench, request)
        if as_json:
            print_json({"erased": False, "live": found.live, "set_aside": len(found.aside),
                        "beside": list(map(str, found.beside)), "staged": len(found.staged)})  # fmt: skip
            return
        for place, said in found.said():
            click.echo(f"{place:<34} {said}")
        click.echo(f"nothing was erased; next: headgate erase {request.table.table} --key ... --reason ...")
        return
    if not reason:
        raise click.UsageError('nothing was erased: say why, --reason "..."; --plan shows what would go')
    from flows.erasing import erase as erase_all

    done = erase_all(bench, request, by, reason)
    dependents = list(bench.project.dependents(request.table.table))
    if as_json:
        print_json({"erased": True, "run": done.run_id, "live": done.live, "set_aside": len(done.found.aside),
                    "beside": list(map(str, done.found.beside)), "staged": len(done.found.staged), "changed": done.kept,
                    "dependents": dependents, "nothing_found": done.is_nothing})  # fmt: skip
        return
    if done.is_nothing:
        click.echo(
            f"{request.table.table}: nothing is kept of this key; that it was asked for is recorded, run {done.run_id}"
        )
        if done.found.staged:
            click.echo(f"  {'staged copies':<34} {len(done.found.staged):,} removed, as a whole")
        return
    click.secho(f"{request.table.table}: erased", bold=True)
    for place, said in done.found.said()[:-1]:
        click.echo(f"  {place:<34} {said}")
    click.echo(f"  {'records, profiles, notices':<34} {done.kept:,} changed; run {done.run_id}")
    if dependents:
        click.echo(f"next: headgate run {' '.join(dependents)}   (they were made of what was erased)")
