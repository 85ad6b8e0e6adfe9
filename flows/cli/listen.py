"""`headgate listen`: load tables when their bucket says that an object was put there."""

from __future__ import annotations

import click

from flows.cli.console import Console, telling

_SECONDS = 20
"""What SQS waits for a message, at most."""


@click.command()
@click.argument("queue", metavar="QUEUE")
@click.option("--once", is_flag=True, help="End when the queue has no message any more; default: go on waiting.")
def listen(queue: str, once: bool) -> None:
    """Wait for a bucket's event notifications in an SQS queue, and run the tables they are about.

    QUEUE is the URL of the queue. A table is meant when its source has `objects: each` and the object lies below its address. A
    message is taken out once its tables have been run; a schedule beside it finds what no message told of.
    """
    from deployments.errors import SourceUnreachableError
    from deployments.quantities import plural
    from flows.cli.run import announce_plan, tell_end
    from flows.cli.settings import workbench
    from tasks.objects.queue import Queue

    bench = workbench()
    # Not before: Prefect reads its settings when it is imported, and the local server's address is among them now.
    from flows.listening import listen_once

    waiting, worst = Queue(queue), 0
    while True:
        try:
            with telling(Console()):
                heard = listen_once(bench, waiting, 1 if once else _SECONDS, announce_plan)
        except SourceUnreachableError as error:
            if once:
                raise
            click.echo(f"[{error.code}] {error.message}", err=True)
            continue
        if heard is not None and heard.tables:
            tell_end(heard.outcome)
            worst = max(worst, heard.outcome.exit_code)
        if heard is not None and heard.others:
            click.echo(f"{plural(heard.others, 'message')} for no table of this project: left in the queue", err=True)
        if once and (heard is None or not heard.tables):
            raise click.exceptions.Exit(worst)
