"""Who decides: the login that asks beside the name that is said, held against the roles of `warehouse.yaml`.

A command is asked by the user of the machine with the login of the warehouse; a form by the user that Prefect Cloud names, or by
somebody whom an open-source server doesn't know. Whoever has the loader's password can write to the warehouse without headgate:
that is found by the chain of decisions (`headgate check --live`), not hindered here.
"""

from __future__ import annotations

import os
import sys
from typing import TYPE_CHECKING

from deployments.declarations.provisioning import Matter
from deployments.errors import DeclarationError
from deployments.foreign_text import one_line
from tasks.warehouses.decisions import Decider, Kind
from tasks.warehouses.session import one, session
from tasks.workbench import Workbench

if TYPE_CHECKING:
    from prefect.client.schemas.objects import FlowRun

MATTERS: dict[Kind, Matter] = {
    "rollback": "rollback", "override": "override", "accept-drift": "drift", "reject-drift": "drift", "mute-drift": "drift",
    "unmute-drift": "drift", "pause": "pause", "resume": "pause", "discard": "discard", "erase": "erase",
}  # fmt: skip
_ANYBODY = "prefect:*"


def named(said: str | None) -> Decider:
    """The name that is recorded: the login's; where somebody says another one, that and the login it was said by."""
    login = _login()
    said = said or somebody()
    if said == login:
        return Decider(said)
    return Decider(f"{said} (by form)" if login is None else f"{said} (login {login})")


def somebody() -> str:
    """Who asks, where no name is said."""
    return os.environ.get("HEADGATE_USER") or _login() or "unknown"


def decider(bench: Workbench, kind: Kind, target: str, said: str | None) -> Decider:
    """Who decides this about a target, to be recorded. DeclarationError: by the project's roles it is for others to decide."""
    matter, declared = MATTERS[kind], bench.project.provisioning
    allowed = None if declared is None else declared.deciders(matter)
    if declared is None or allowed is None:
        return named(said)
    logins = _logins(bench)
    if set(allowed) & set(logins):
        return named(said)
    roles = ", ".join(declared.decisions[matter]) or "nobody"
    listing = f" ({', '.join(allowed)})" if allowed else ""
    raise DeclarationError(
        one_line(
            f"{target}: {kind} isn't for {' or '.join(logins)} to decide; warehouse.yaml leaves {matter} to {roles}{listing}. "
            "Nothing was changed"
        ),
        code="NOT-YOURS-TO-DECIDE", next_command="headgate settings   (who of them may type it: warehouse.yaml, roles)",
    )  # fmt: skip


def _logins(bench: Workbench) -> tuple[str, ...]:
    """What the one who asks is known by, as roles list it."""
    login = _login()
    if _form() is not None:
        return (_ANYBODY,) if login is None else (f"prefect:{login}", _ANYBODY)
    # As the server has it: an address may leave the name to a file or the driver.
    with session(bench.warehouse.address) as connection, connection.cursor() as cursor:
        (warehouse,) = one(cursor, "SELECT CAST(session_user AS varchar(128))")
    return f"machine:{login}", f"warehouse:{warehouse}"


def _login() -> str | None:
    """The user who asks: of the machine, or of a form as Prefect Cloud names them; None where an open-source server can't say."""
    run = _form()
    if run is None:
        return _user()
    created = run.created_by
    return created.display_value or None if created is not None and created.type == "USER" else None


def _form() -> FlowRun | None:
    """The flow run of a form that this process runs; None on a command line."""
    # Without Prefect there is no form; its import costs a second.
    loaded = sys.modules.get("prefect.context")
    context = None if loaded is None else loaded.FlowRunContext.get()
    run: FlowRun | None = None if context is None else context.flow_run
    return run if run is not None and run.deployment_id is not None else None


def _user() -> str:
    """The user of this process as the machine knows it: no variable of the environment says otherwise."""
    try:
        import pwd
    except ImportError:
        return os.getlogin()
    try:
        return pwd.getpwuid(os.getuid()).pw_name
    except KeyError:
        return str(os.getuid())
