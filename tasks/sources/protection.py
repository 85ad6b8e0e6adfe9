"""What `connections.yaml` allows and forbids of a connection, where a source is read."""

from __future__ import annotations

import socket
from collections.abc import Collection

from deployments.addresses import is_same_database
from deployments.declarations.connections import protection_of, with_replicas
from deployments.declarations.sources import Source
from deployments.errors import DeclarationError
from deployments.settings import Settings


def refuse_warehouse(source: Source, settings: Settings, *, offline: bool = False) -> None:
    """DeclarationError SAME-DATABASE where a source would be read from the database that is loaded into, unless that is
    declared. `offline`: by how the two addresses are spelled, no name of a host is looked up."""
    for name in with_replicas(settings.project, source):
        # One that isn't set is told as such, where it is asked for.
        if not (offline and name not in settings.connections):
            _refuse(name, settings, offline=offline)


def _refuse(name: str, settings: Settings, *, offline: bool) -> None:
    url, warehouse = settings.connection(name), settings.warehouse_url
    if warehouse is None or protection_of(settings.project, name).is_warehouse:
        return
    if is_same_database(url, warehouse) or (not offline and is_same_database(url, warehouse, _addresses)):
        raise DeclarationError(
            f"the connection '{name}' leads to the warehouse's own database: rows would be read from where they are loaded",
            code="SAME-DATABASE",
            next_command=f"the right address in HEADGATE_CONNECTION_{name.upper()} or HEADGATE_WAREHOUSE_URL; where it is meant, "
            f"connections.yaml: 'connections: {{{name}: {{is_warehouse: true}}}}'"
            + ("" if offline else "; then: headgate retry RUN"),
            connection=name,
        )


def _addresses(host: str) -> Collection[str]:
    try:
        found = socket.getaddrinfo(host, None, type=socket.SOCK_STREAM)
    except OSError:
        # Told when it is connected to.
        return (host,)
    return {str(item[4][0]) for item in found}
