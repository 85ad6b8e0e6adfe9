"""How long libpq waits, for the warehouse and for sources alike; what an address says itself comes before."""

from __future__ import annotations

from deployments.declared_settings import waiting_time

LOOKS = 8
"""How often an idle connection is looked after before it counts as lost."""


def waits() -> dict[str, int]:
    """To be let in, and for a network that swallows what is sent: without a limit TCP tries for a quarter of an hour."""
    lost = waiting_time("NETWORK_TIMEOUT_SECONDS")
    idle = max(lost // 3, 1)
    return {
        "connect_timeout": waiting_time("CONNECT_TIMEOUT_SECONDS"),
        "tcp_user_timeout": lost * 1000,
        "keepalives": 1,
        "keepalives_idle": idle,
        "keepalives_interval": max((lost - idle) // LOOKS, 1),
        "keepalives_count": LOOKS,
    }
