"""The local stack for tests, which is thrown away with what is in it: no write has to reach the disk, and Prefect's tables
are those that an earlier start has made. A first start takes 14 CPU seconds, 8 of them for some hundred migrations."""

from __future__ import annotations

import os
import shutil
import sqlite3
from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from importlib.metadata import version
from pathlib import Path
from typing import Any

import pytest

from deployments.embedded import postgres
from deployments.embedded.service import PartName
from deployments.embedded.stack import PARTS, EmbeddedStack, StackState


def up(stack: EmbeddedStack, config: pytest.Config, parts: Sequence[PartName] = PARTS) -> StackState:
    """Start a stack for the first time, as `stack.up` does. Tests of the stack itself start it by that."""
    if "prefect" in parts:
        lay_tables(stack, config)
    with pytest.MonkeyPatch.context() as patch:
        patch.setitem(postgres._SETTINGS, "fsync", "off")
        state = stack.up(parts)
    if "prefect" in parts and not _made_before(config).exists():
        _keep(_tables(stack), _made_before(config))
    return state


@contextmanager
def in_process(state: StackState, more: Mapping[Any, Any]) -> Iterator[None]:
    """Flows of this process are told to the stack's Prefect, and to no other afterwards.

    One thread of the process sends the events of all flows, task runs among them, to the server it has found first.
    Left alone it would go on with that when it is stopped, twenty seconds for each event of the tests after these.
    """
    from prefect.events.worker import EventsWorker
    from prefect.settings import PREFECT_API_AUTH_STRING, PREFECT_API_URL, temporary_settings

    reached = {PREFECT_API_URL: state.prefect_api_url, PREFECT_API_AUTH_STRING: state.prefect_login}
    EventsWorker.drain_all(timeout=60)
    with temporary_settings({**reached, **more}):
        try:
            yield
        finally:
            EventsWorker.drain_all(timeout=60)


def lay_tables(stack: EmbeddedStack, config: pytest.Config) -> None:
    """Lay Prefect's tables where the stack will look for them, if they are there: for one that a command starts."""
    if _made_before(config).exists():
        _tables(stack).parent.mkdir(parents=True, mode=0o700)
        shutil.copyfile(_made_before(config), _tables(stack))


def _tables(stack: EmbeddedStack) -> Path:
    return stack.folder / "prefect" / "home" / "prefect.db"


def _made_before(config: pytest.Config) -> Path:
    """Where the tables of this version of Prefect are kept, for other workers and other runs."""
    assert config.cache is not None
    return config.cache.mkdir("prefect") / f"{version('prefect')}.db"


def _keep(database: Path, to: Path) -> None:
    fresh = to.with_suffix(f".{os.getpid()}")
    with closing(sqlite3.connect(database)) as there, closing(sqlite3.connect(fresh)) as copy:
        there.backup(copy)
    # At once: another worker may be about to read it.
    fresh.replace(to)
