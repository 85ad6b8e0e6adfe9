"""The environment that local servers start with: nothing of the caller's settings reaches them by accident."""

from __future__ import annotations

import os

# A PGOPTIONS, AWS_PROFILE or PREFECT_API_DATABASE_CONNECTION_URL meant for production must not change a local server.
_NOT_INHERITED = ("PG", "AWS_", "PREFECT_", "MOTO_", "HEADGATE_")


def server_environment(**extra: str) -> dict[str, str]:
    """The caller's environment without settings of clients, in a fixed language and time zone, plus `extra`."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith(_NOT_INHERITED)}
    return kept | {"LC_ALL": "C", "TZ": "UTC"} | extra
