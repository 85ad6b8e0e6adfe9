"""Settings of a process without a warehouse: the local stack is started and stands in for everything.

The example project brings its world along: its production database on the same PostgreSQL, its web server as a thread of
this process (nothing of it is left behind).
"""

from __future__ import annotations

import os
import secrets
import threading
from collections.abc import Callable, Sequence
from dataclasses import replace

from deployments.embedded.service import PartName
from deployments.embedded.stack import PARTS, EmbeddedStack, StackState
from deployments.settings import Settings

Progress = Callable[[str], None]
PREFECT_API_URL = "PREFECT_API_URL"
PRODUCTION, SURVEY, FILES = "production", "survey", "files"


def started(
    settings: Settings, progress: Progress | None = None, parts: Sequence[PartName] = PARTS, *, sources: bool = True
) -> Settings:
    """The same settings, pointing at the local stack, whose `parts` are up when this returns. Safe to call again.

    Sets what Prefect reads from the environment, where no PREFECT_API_URL is set. The bucket of the stack has an address of
    its own: AWS_* stay the user's, whose other buckets are sources as well. Without `sources` the example's world isn't made.
    """
    stack = EmbeddedStack(settings.state)
    chosen = [part for part in parts if part != "prefect" or not os.environ.get(PREFECT_API_URL)]
    state = stack.up(chosen, progress)
    _enter(state, chosen)
    settings = replace(
        settings,
        warehouse_url=state.warehouse_url,
        stage_url=settings.stage_url or (state.bucket_address("stage") if "s3" in chosen else None),
        local_bucket=state.bucket_address() if "s3" in chosen else settings.local_bucket,
        pii_key=settings.pii_key or _local_key(settings),
        local_stack=True,
    )
    return _with_world(settings, stack, progress) if settings.is_shop and sources else settings


def prefect_address(settings: Settings, progress: Progress | None = None) -> str:
    """The API of the Prefect server to use: PREFECT_API_URL, else our own local one, started. Never Prefect's ephemeral one.

    To be called before Prefect is imported: it reads the environment then.
    """
    if not os.environ.get(PREFECT_API_URL):
        _enter(EmbeddedStack(settings.state).up(("prefect",), progress), ("prefect",))
    return os.environ[PREFECT_API_URL]


def _enter(state: StackState, parts: Sequence[PartName]) -> None:
    for name, value in state.environment(parts).items():
        if name.startswith("PREFECT_"):
            # A login that is set without an address is that of another server.
            os.environ[name] = value
        elif not name.startswith("AWS_"):
            os.environ.setdefault(name, value)


def _with_world(settings: Settings, stack: EmbeddedStack, progress: Progress | None) -> Settings:
    connections = dict(settings.connections)
    if PRODUCTION not in connections:
        from deployments.shop.world.production import load_production

        url = stack.create_database("shop_production")
        if load_production(url) and progress is not None:
            progress("the shop's production database is filled")
        connections[PRODUCTION] = url
    if SURVEY not in connections or FILES not in connections:
        from deployments.shop.world.server import make_server

        server = make_server(0)
        threading.Thread(target=server.serve_forever, name="shop-web", daemon=True).start()
        address = f"http://127.0.0.1:{server.server_address[1]}"
        connections.setdefault(SURVEY, address)
        connections.setdefault(FILES, address)
    return replace(settings, connections=connections)


def _local_key(settings: Settings) -> str:
    """The key of masked columns in the local stack: made once, readable by its owner only."""
    file = settings.state / "pii.key"
    if not file.exists():
        file.parent.mkdir(parents=True, exist_ok=True)
        handle = os.open(file, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        with os.fdopen(handle, "w") as out:
            out.write(secrets.token_hex(32))
    return file.read_text()
