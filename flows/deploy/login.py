"""Whether a Prefect server asks for a login. Whoever reaches one that doesn't starts commands on its workers, as their user,
and reads every block with its secrets.
"""

from __future__ import annotations

from ipaddress import ip_address
from urllib.parse import urlsplit

from deployments.declared_settings import waiting_time
from deployments.errors import DeclarationError, RetryableError

ANYWAY = "--server-has-no-login"


def require_login(api: str, *, anyway: bool, secrets: bool = False) -> list[str]:
    """What is to be told of the server; DeclarationError when it asks for no login.

    On this machine alone only secrets are kept from it. `anyway`: somebody has said that the network is closed.
    """
    local = _is_local(api)
    told = (
        []
        if local or api.startswith("https://")
        else [f"{_place(api)} is asked without TLS: the login can be read on the way"]
    )
    if _asks_for_login(api):
        return told
    if anyway or (local and not secrets):
        return [
            *told,
            f"the Prefect server at {_place(api)} asks for no login: who reaches it runs commands on its workers",
        ]
    gets = "reads these secrets" if secrets else "starts commands on its workers and reads every block"
    raise DeclarationError(
        f"the Prefect server at {_place(api)} asks for no login: whoever reaches it {gets}. Give it one "
        "(PREFECT_SERVER_API_AUTH_STRING=name:password on the server, PREFECT_API_AUTH_STRING here and on workers)",
        code="PREFECT-OPEN",
        next_command=f"the same command, or with {ANYWAY} where the network itself is closed",
    )


def _asks_for_login(api: str) -> bool:
    import httpx

    try:
        # Nothing of this process's own login goes along.
        patience = waiting_time("CONNECT_TIMEOUT_SECONDS")
        answer = httpx.get(f"{api.rstrip('/')}/admin/version", timeout=patience, trust_env=not _is_local(api))
    except httpx.HTTPError as error:
        raise RetryableError(
            f"the Prefect server at {_place(api)} can't be asked: {type(error).__name__}", code="PREFECT-UNREACHABLE",
            next_command="headgate check --connect   (is PREFECT_API_URL right?); then the same command again",
        ) from None  # fmt: skip
    return answer.status_code != httpx.codes.OK


def _is_local(api: str) -> bool:
    host = urlsplit(api).hostname or ""
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def _place(api: str) -> str:
    found = urlsplit(api)
    return f"{found.hostname or ''}:{found.port}" if found.port else found.hostname or ""
