"""`headgate drift score|replay`: scores files against a folder of earlier ones. No warehouse, no declaration needed."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

import click

from flows.cli.drift_trial import backtest, sensitivity
from flows.cli.owner_drift import accept, answer, explain

if TYPE_CHECKING:
    from expectations.drift import Alert, Verdict
    from expectations.drift.model import Sensitivity
    from expectations.drift.replay import Accept, Replayed

F = TypeVar("F", bound=Callable[..., object])
COLORS = {"page": "red", "digest": "yellow", "learning": "blue", "pass": "green"}


def shared(function: F) -> F:
    """Options that both commands have."""
    for option in reversed([
        click.option("--json", "as_json", is_flag=True, help="Print JSON."),
        click.option(
            "--all", "everything", is_flag=True,
            help="Also what stayed below the threshold, and each figure that a cause explains.",
        ),
        click.option(
            "--accept", type=click.Choice(["never", "always", "header"]), default="always", show_default=True,
            help="Whether a batch with alerts joins the history; header: as always, and renamed columns go on.",
        ),
        click.option("--sensitivity", type=click.Choice(["low", "normal", "high"]), default="normal", show_default=True,
                     help="How small a change is told."),
        click.option("--mask", "masked", multiple=True, metavar="COLUMN", help="Keep no values of this column."),
        click.option("--cache", type=click.Path(path_type=Path), help="Folder of kept profiles."),
        click.option("--no-cache", is_flag=True, help="Measure every file anew and keep nothing."),
    ]):  # fmt: skip
        function = option(function)
    return function


@click.group()
def drift() -> None:
    """Notice that the meaning of the data changed."""


@drift.command()
@click.option("--history", "folder", type=click.Path(path_type=Path), required=True, help="Folder of earlier batches.")
@click.option("--batch", "batch", type=click.Path(path_type=Path), required=True, help="The .csv or .csv.gz to score.")
@click.option(
    "--declaration", type=click.Path(path_type=Path), help="The table's declaration: which columns are masked."
)
@shared
def score(
    folder: Path, batch: Path, declaration: Path | None, as_json: bool, everything: bool, accept: Accept,
    sensitivity: Sensitivity, masked: tuple[str, ...], cache: Path | None, no_cache: bool,
) -> None:  # fmt: skip
    """Score one batch against the files of a folder that come before it in name order or lie elsewhere."""
    from expectations.drift import replay as trial

    files = [*_asked(lambda: trial.batch_files(folder))]
    hidden = [*masked, *(_asked(lambda: masked_columns(declaration)) if declaration else [])]
    kept = None if no_cache else cache or trial.cache_folder()
    verdict = _asked(
        lambda: trial.score(batch, files, accept=accept, sensitivity=sensitivity, masked=hidden, cache=kept)
    )
    if as_json:
        click.echo(json.dumps(trial.listed(verdict, everything), ensure_ascii=False, indent=2))
    else:
        _tell(batch.name, verdict, everything)


@drift.command()
@click.argument("folder", type=click.Path(path_type=Path))
@shared
def replay(
    folder: Path, as_json: bool, everything: bool, accept: Accept, sensitivity: Sensitivity,
    masked: tuple[str, ...], cache: Path | None, no_cache: bool,
) -> None:  # fmt: skip
    """Score every .csv and .csv.gz of FOLDER in name order, each against those before it."""
    from expectations.drift import replay as trial

    files = _asked(lambda: trial.batch_files(folder))
    kept = None if no_cache else cache or trial.cache_folder()
    told = iter(trial.replay(files, accept=accept, sensitivity=sensitivity, masked=masked, cache=kept))
    batches = []
    while (found := _asked(lambda: next(told, None))) is not None:
        batches.append(found)
        if as_json:
            click.echo(json.dumps(found.to_json(everything), ensure_ascii=False))
        else:
            _tell(found.batch, found.verdict, everything)
    if not as_json:
        _sum_up(batches)


R = TypeVar("R")


def _asked(call: Callable[[], R]) -> R:
    """Runs what the user asked for; a mistake in the question or an unreadable file ends with exit code 2."""
    from deployments.errors import HeadgateError

    try:
        return call()
    except HeadgateError as error:
        text = error.message + (f"\n  next: {error.next_command}" if error.next_command else "")
        click.echo(f"Error: {text}", err=True)
        sys.exit(2)


def masked_columns(declaration: Path) -> list[str]:
    """The columns that a table's declaration masks (its `pii` section). Raises DeclarationError for no such file."""
    from ruamel.yaml import YAML
    from ruamel.yaml.error import YAMLError

    from deployments.errors import DeclarationError

    try:
        read = YAML(typ="safe", pure=True).load(declaration)
    except FileNotFoundError as error:
        raise DeclarationError(f"There is no file {declaration}.", next_command="headgate check") from error
    except (OSError, YAMLError) as error:
        why = str(error).splitlines()[0]
        raise DeclarationError(f"{declaration} can't be read: {why}", next_command="headgate check") from error
    hidden = read.get("pii", {}) if isinstance(read, dict) else None
    if not isinstance(hidden, dict):
        raise DeclarationError(
            f"{declaration} is not the declaration of a table: `pii` must name columns.", next_command="headgate check"
        )
    return [str(name) for name in hidden]


def _tell(batch: str, verdict: Verdict, everything: bool) -> None:
    click.echo(f"{batch}  {click.style(verdict.verdict, fg=COLORS[verdict.verdict])}  {verdict.score:.2f}")
    _lines(verdict.alerts, everything)
    if everything:
        _lines(verdict.below, everything)


def _lines(alerts: Sequence[Alert], everything: bool) -> None:
    for alert in alerts:
        if alert.under is not None:
            continue
        where = alert.column or "table"
        click.echo(f"  {alert.level:<6} {alert.score:>6.2f}  {where} · {alert.kind}: {alert.message}")
        folded = [a for a in alerts if a.under == where] if alert.cause else []
        if everything:
            for one in folded:
                click.echo(f"{'with it':>16}  {one.column or 'table'} · {one.kind}: {one.message}")
        elif folded:
            click.echo(f"{'with it':>16}  {_in_short(folded)}")


def _in_short(alerts: Sequence[Alert]) -> str:
    """Which kinds of which columns: `price: format, values; total: relation`."""
    kinds: dict[str, list[str]] = {}
    for alert in alerts:
        kinds.setdefault(alert.column or "table", []).append(alert.kind)
    return "; ".join(f"{where}: {', '.join(dict.fromkeys(found))}" for where, found in kinds.items())


def _sum_up(batches: list[Replayed]) -> None:
    from deployments.quantities import plural

    counts = {name: sum(b.verdict.verdict == name for b in batches) for name in ("page", "digest", "learning", "pass")}
    click.echo(f"{plural(len(batches), 'batch')}: " + ", ".join(f"{count} {name}" for name, count in counts.items()))


drift.add_command(explain)
drift.add_command(accept)
drift.add_command(answer)
drift.add_command(sensitivity)
drift.add_command(backtest)

if __name__ == "__main__":
    drift()
