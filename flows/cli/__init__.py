"""The command line. Each command's module is imported only when it is called, so that light commands start at once."""

from __future__ import annotations

import importlib
import json
import logging
import os
import signal
import sys
import traceback
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import NoReturn

import click

from deployments import dotenv_file
from flows.cli import stopping
from flows.cli.everywhere import JSON, debugging, everywhere, with_everywhere
from tasks.progress import hear_waits

# Command: (module below flows.cli, function there, first line of its help).
COMMANDS: dict[str, tuple[str, str, str]] = {
    "demo": ("demo", "demo", "The whole life of a batch on the shipped example, from nothing."),
    "init": ("init", "init", "Make a project of your own."),
    "peek": ("peek", "peek", "Look at real records of a source, declared or not."),
    "new": ("new", "new", "Draft a table's two files from real records."),
    "check": ("check", "check", "Every mistake in every declaration, suite and SQL file."),
    "suite": ("suite", "suite", "Try a table's rules on its past batches."),
    "plan": ("plan", "plan", "Windows, what run would do, schema differences."),
    "run": ("run", "run", "Load what plan shows."),
    "backfill": ("backfill", "backfill", "Load windows of the past that are missing or failed."),
    "reconcile": ("reconcile", "reconcile", "Hold published rows against their source."),
    "repair": ("repair", "repair", "Bring the books up to date with the proofs."),
    "clean": ("clean", "clean", "Remove what dead runs left behind."),
    "listen": ("listen", "listen", "Load tables when their bucket says that objects came."),
    "deploy": ("deploy", "deploy", "Prefect deployments from the declarations."),
    "worker": ("worker", "worker", "Serve the deployments on this machine."),
    "provision": ("provision", "provision", "Schemas, groups and rights as declared."),
    "settings": ("settings_list", "settings", "Every setting, and which are set here."),
    "blocks": ("blocks", "blocks", "Settings kept on the Prefect server."),
    "up": ("stack", "up", "Start the local PostgreSQL, S3 and Prefect servers."),
    "down": ("stack", "down", "Stop the local servers."),
    "status": ("stack", "status", "What of the local stack runs."),
    "summary": ("summary", "summary", "Try a summary on real data, unpublished."),
    "lineage": ("lineage", "lineage", "What feeds what, from sources to those who rely on it."),
    "report": ("report", "report", "The pages data owners read."),
    "drift": ("drift", "drift", "What changed its meaning; say that it is meant."),
    "quarantine": ("quarantine", "quarantine", "Rows set aside: list, show, replay, discard."),
    "erase": ("erase", "erase", "The rows of one key, out of everything that is kept."),
    "review": ("review", "review", "The week: failures, promises, incidents, what took long."),
    "show": ("show", "show", "The story of one run, or the newest runs."),
    "retry": ("retry", "retry", "Run again what failed."),
    "rollback": ("rollback", "rollback", "Undo the last publish of a table."),
    "publish": ("publish", "publish", "Publish a batch although it failed, knowingly."),
    "pause": ("pause", "pause", "Don't load tables for a while."),
    "resume": ("pause", "resume", "End a pause."),
    "incident": ("incident", "incident", "What is open; acknowledge, silence, resolve."),
    "oncall": ("oncall", "oncall", "Who is on call now, next, this week."),
    "watch": ("watch", "watch", "Look for what is wrong; tell it, close what is over."),
}
# The help lists a command where those look who use it most: up to the one named here.
SECTIONS = {
    "Begin": "new", "Engineers: load": "clean", "Engineers: run it": "status", "Analysts": "lineage",
    "Data owners": "review", "On call": "watch",
}  # fmt: skip


# What keeps libraries from talking over our output or phoning home.
QUIET = {
    "PREFECT_LOGGING_LEVEL": "ERROR",
    # A failure is told by us; its traceback is on Prefect's page.
    "PREFECT_LOGGING_HANDLERS_CONSOLE_LEVEL": "CRITICAL",
    "PREFECT_LOGGING_TO_API_WHEN_MISSING_FLOW": "ignore",
    "PREFECT_SERVER_ANALYTICS_ENABLED": "false",
    "DO_NOT_TRACK": "1",
    "GX_ANALYTICS_ENABLED": "false",
    "PREFECT_CLI_PROMPT": "false",
    # Five tries of each of the last words to a server that is gone held a finished command for five minutes.
    "PREFECT_CLIENT_MAX_RETRIES": "3",
}


class _Lazy(click.Group):
    """A group whose commands are imported when they are asked for."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, name: str) -> click.Command | None:
        if name not in COMMANDS:
            return None
        module, function, _ = COMMANDS[name]
        found = getattr(importlib.import_module(f"flows.cli.{module}"), function)
        assert isinstance(found, click.Command)
        return with_everywhere(found)

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        names = list(COMMANDS)
        for title, last in SECTIONS.items():
            end = names.index(last) + 1
            with formatter.section(title):
                formatter.write_dl([(name, COMMANDS[name][2]) for name in names[:end]])
            names = names[end:]

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        if args and args[0] not in COMMANDS and not args[0].startswith("-"):
            from deployments.declarations.problems import nearest

            hint = nearest(args[0], COMMANDS)
            ctx.fail(f"no command '{args[0]}'" + (f"; did you mean '{hint}'?" if hint else ""))
        return super().resolve_command(ctx, args)


@click.group(cls=_Lazy, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 80})
@click.version_option(package_name="headgate", prog_name="headgate")
def cli() -> None:
    """Validated, exactly-once loads into Amazon Redshift and PostgreSQL, on
    Prefect.

    TABLE is a name (orders, shop.orders), a pattern ('shop.*'), or owner:,
    tier: or tag: with a value. The options below may stand after a command, too.
    """


cli.params += everywhere(hidden=False)


def main(arguments: Sequence[str] | None = None) -> NoReturn:
    """Run the command line and exit with the codes of the documentation."""
    given = list(sys.argv[1:] if arguments is None else arguments)
    try:
        if not {"--help", "-h", "--version"}.intersection(given):
            # Before anything reads the environment: servers, clients and workers have the same values.
            dotenv_file.enter(Path.cwd(), again=True)
        quiet()
        with ExitStack() as stops:
            stops.callback(stopping.on_terminate())
            stops.callback(hear_waits(lambda sentence: click.echo(sentence, err=True)))
            code = cli.main(given, standalone_mode=False, obj=frozenset(given))
    except click.exceptions.Exit as stop:
        code = stop.exit_code
    except (click.exceptions.Abort, KeyboardInterrupt):
        click.echo(
            "stopped: windows that were published are whole, nothing of the others is in a table readers see", err=True
        )
        click.echo("next: the same command again; it does what is left", err=True)
        code = 128 + stopping.received(signal.SIGINT)
        _for_programs(given, code, {"code": "STOPPED", "message": "stopped before its end"})
    except click.ClickException as mistake:
        mistake.show()
        code = 2
        _for_programs(given, code, {"code": "USAGE", "message": mistake.format_message()})
    except BrokenPipeError:
        # The reader of our output went away (head, less): not an error of ours.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        code = 0
    except Exception as error:  # noqa: BLE001 - the last place where an error can become a message
        code = _explained(error, given)
    sys.stdout.flush()
    raise SystemExit(code if isinstance(code, int) else 0)


def program(arguments: Sequence[str] | None = None) -> NoReturn:
    """`main` as a process of its own, which ends in time whatever its libraries still wait for."""
    stopping.skip_teardown()
    try:
        main(arguments)
    except SystemExit as ended:
        stopping.end_in_time(ended.code if isinstance(ended.code, int) else 1)
        raise


def quiet() -> None:
    """Settings of libraries that would otherwise talk over our output or phone home; the user's own win."""
    for name, value in QUIET.items():
        os.environ.setdefault(name, value)
    logging.getLogger("httpx").setLevel(logging.WARNING)


def _explained(error: Exception, given: Sequence[str]) -> int:
    from deployments.errors import BY_HAND, WHO_ACTS, DeclarationError, HeadgateError
    from deployments.foreign_text import one_line
    from tasks.outside_errors import named

    if debugging():
        traceback.print_exception(error)
    known = error if isinstance(error, HeadgateError) else named(error, "this command")
    if known is not None:
        # It failed before there was a run, or outside of one.
        again = " ".join(["headgate", *given])
        known.next_command = (known.next_command or "").replace("headgate retry RUN", again)
        known.next_command = known.next_command.replace("headgate show RUN", "headgate show") or None
        if known.next_command == again:
            # Not in a circle: what was just typed failed for what the text says.
            known.next_command = "the same again, once that is mended"
        # A command isn't tried again by itself.
        told = str(known).replace(WHO_ACTS["retryable"], BY_HAND)
        click.echo(click.style("error ", fg="red", bold=True) + f"[{known.code}] {told}", err=True)
        exit_code = 2 if isinstance(known, DeclarationError) else 1
        _for_programs(given, exit_code, known.to_json() | {"facts": None})
        return exit_code
    text = one_line(str(error).splitlines()[0], 500) if str(error) else ""
    click.echo(
        click.style("internal error ", fg="red", bold=True)
        + f"{type(error).__name__}: {text}\n  who must act: engineer (a fault of the software)\n"
        "  next: run it again with --debug for the trace, and report it",
        err=True,
    )
    _for_programs(given, 70, {"code": "UNFORESEEN", "message": f"{type(error).__name__}: {text}"})
    return 70


def _for_programs(given: Sequence[str], exit_code: int, error: Mapping[str, object]) -> None:
    """With --json, why a command ended before it had an outcome, as the document that a program waits for."""
    if JSON in given:
        said = {name: value for name, value in error.items() if value is not None}
        click.echo(json.dumps({"error": said, "exit_code": exit_code}, ensure_ascii=False, indent=1, default=str))
