"""Whether a host can be reached: its name, its port, and what a failure most likely means."""

from __future__ import annotations

import socket
from dataclasses import dataclass
from urllib.parse import urlsplit

from deployments.addresses import DATABASES, PORTS, database_parameters
from deployments.declared_settings import waiting_time


@dataclass(frozen=True, slots=True)
class Line:
    """One thing that was tried. `next_command`: what to type or to ask for when it failed."""

    what: str
    ok: bool
    said: str
    next_command: str | None = None


def reach(what: str, url: str) -> list[Line]:
    """Name and port of a URL's host, as far as it gets. Never holds user, password or path of the URL."""
    timeout = waiting_time("CONNECT_TIMEOUT_SECONDS")
    scheme = url.partition("://")[0]
    if scheme in DATABASES:
        # Of several hosts the first: a client tries them in their order.
        found_in = {name: value.partition(",")[0] for name, value in database_parameters(url).items()}
        host, port = found_in.get("host", "localhost"), int(found_in.get("port") or PORTS.get(scheme, 5432))
    else:
        parts = urlsplit(url)
        host, port = parts.hostname or "", parts.port or PORTS.get(scheme, 0)
    try:
        found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    except OSError as error:
        return [Line(f"{what}: name", False, f"{host} isn't known ({error.strerror or error})",
                     "check the host in the setting; is the VPN or the private DNS up?")]  # fmt: skip
    address = str(found[0][4][0])
    lines = [Line(f"{what}: name", True, f"{host} is {address}")]
    try:
        socket.create_connection((host, port), timeout=timeout).close()
    except TimeoutError:
        said = f"no answer from {host}:{port} within {timeout} s: a security group or an IP allow-list"
        return [*lines, Line(f"{what}: port", False, said, f"let this machine's address in to {host}:{port}")]
    except OSError as error:
        said = f"{host}:{port}: {(error.strerror or str(error)).lower()}"
        hint = f"is the server up, and does it listen on port {port}?"
        return [*lines, Line(f"{what}: port", False, said, hint)]
    return [*lines, Line(f"{what}: port", True, f"{host}:{port} answers")]
