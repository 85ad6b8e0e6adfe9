"""Clients of AWS: one for all who ask the same service with the same login.

By boto3 alone. The credentials of prefect-aws make the same session, but importing that package brings Prefect's workers and an
asynchronous client of AWS along: 0.4 s of CPU for each process that reads or stages an object.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from functools import lru_cache
from threading import Lock
from typing import Any

from deployments.declared_settings import waiting_time

TRIES = 5
# boto3 reads its models without a lock of its own: two clients at once may meet half of one.
_MAKING = Lock()


def client(
    service: str, login: Mapping[str, str], endpoint: str | None, *, silent: int = 1, shared: bool = False
) -> Any:
    """A client that threads may share; a shared one is what whoever asks for the same gets, too.

    `login` is of an address: access_key_id with secret_access_key and perhaps session_token, profile, region; what it leaves out
    comes from AWS_* variables, the machine's configuration or its role. `silent`: seconds it may say nothing by its own rules.
    Raises botocore's ProfileNotFound and NoRegionError.
    """
    named = login.get("region") or os.environ.get("AWS_REGION") or os.environ.get("AWS_DEFAULT_REGION")
    given = {
        name: login[name]
        for name in ("access_key_id", "secret_access_key", "session_token", "profile")
        if name in login
    }
    waits = waiting_time("CONNECT_TIMEOUT_SECONDS"), max(waiting_time("STAGE_TIMEOUT_SECONDS"), silent)
    with _MAKING:
        return (_shared if shared else _made)(service, frozenset(given.items()), named or None, endpoint or None, waits)


def _made(
    service: str, given: frozenset[tuple[str, str]], region: str | None, endpoint: str | None, waits: tuple[int, int]
) -> Any:
    import boto3
    from botocore.config import Config

    login = dict(given)
    session: Any = boto3.Session(
        login.get("access_key_id"), login.get("secret_access_key"), login.get("session_token"),
        region_name=region, profile_name=login.get("profile"),
    )  # fmt: skip
    config = Config(
        retries={"mode": "standard", "total_max_attempts": TRIES}, connect_timeout=waits[0], read_timeout=waits[1]
    )
    return session.client(service, endpoint_url=endpoint, config=config)


_shared = lru_cache(maxsize=8)(_made)
