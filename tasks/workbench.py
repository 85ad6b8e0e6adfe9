"""What every task of this process works with: settings, project, warehouse and stage, opened once from the environment.

Flow parameters carry names only; this is where a name meets its secret.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from threading import Lock
from typing import TYPE_CHECKING

from deployments.closed_folder import own_stage, own_state
from deployments.declarations.connections import with_replicas
from deployments.project import Project, load_project
from deployments.settings import Settings, read_settings
from tasks.objects.protocol import ObjectStore
from tasks.objects.store import FolderStore, open_store
from tasks.warehouses.opening import open_warehouse
from tasks.warehouses.protocol import Adapter

if TYPE_CHECKING:
    from tasks.batch import Batch


@dataclass(frozen=True)
class Workbench:
    """Settings of a process and what they lead to."""

    settings: Settings
    declared: Project | None = None
    """The project where it is read already; it may be another than the folder's, with a summary that is only tried."""

    @cached_property
    def project(self) -> Project:
        return self.declared or load_project(self.settings.project)

    @cached_property
    def warehouse(self) -> Adapter:
        return open_warehouse(self.settings)

    @cached_property
    def stage(self) -> ObjectStore:
        url = self.settings.stage_url
        if url is None and self.settings.local_stack:
            from deployments.embedded.defaults import started

            # A command that only reads the warehouse starts nothing else; this one went on to the stage.
            url = started(self.settings, parts=("s3",), sources=False).stage_url
        store = open_store(url or f"file://{self.settings.state / 'stage'}")
        if isinstance(store, FolderStore):
            own_stage(store.root)
        return store

    @property
    def pii_key(self) -> bytes | None:
        return None if self.settings.pii_key is None else self.settings.pii_key.encode()

    def key_of(self, batch: Batch) -> bytes | None:
        """The key that the hashed columns of a batch are hashed with."""
        return self.settings.hash_keys.get(batch.key_name, self.pii_key)

    @property
    def spool(self) -> Path:
        """The folder of raw bytes on their way; emptied after each run, and at the start for runs that died."""
        return self.settings.state / "spool"

    @cached_property
    def report_url(self) -> str:
        return self.settings.report_url or f"file://{self.settings.state / 'report'}"


_lock = Lock()
_current: Workbench | None = None


def workbench() -> Workbench:
    """The process's workbench; the first call reads the environment and, without a warehouse, starts the local stack."""
    global _current
    with _lock:
        if _current is None:
            settings = read_settings()
            project = load_project(settings.project)
            own_state(settings.state)
            _current = Workbench(_with_stack(with_blocks(settings, project)), project)
        return _current


def use(settings: Settings, project: Project | None = None) -> Workbench:
    """Work with these settings from now on (the command line and tests). `project`: read already, or in place of the folder's."""
    global _current
    with _lock:
        _current = Workbench(_with_stack(settings), project)
        return _current


def with_blocks(settings: Settings, project: Project) -> Settings:
    """The settings with what the environment lacks taken from blocks of the Prefect server, if there is one."""
    from tasks.block_settings import completed

    connections = {name for table in project.tables.values() for name in with_replicas(project.folder, table.source)}
    return completed(settings, connections)


def _with_stack(settings: Settings) -> Settings:
    if not settings.embedded:
        return settings
    from deployments.embedded.defaults import started

    return started(settings)
