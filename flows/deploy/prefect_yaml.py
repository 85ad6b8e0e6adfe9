"""The same deployments as a file for those who use `prefect deploy`."""

from __future__ import annotations

from collections.abc import Sequence
from io import StringIO

from flows.deploy.standing import RESOURCE
from flows.deploy.wanted import PUBLISHED_EVENT, TAG, Wanted, environment

HEAD = """\
# Made by `headgate deploy --write FILE`, for those who use `prefect deploy --all --prefect-file FILE`.
# `headgate deploy` does the same and, beyond it, shows the difference first, removes what is no longer declared, offers
# the names of tables in the forms, and watches for runs whose process died.
"""


def prefect_yaml(wanted: Sequence[Wanted], pool: str) -> str:
    """The text of a prefect.yaml. Nothing is pulled and no path is named: workers have headgate installed."""
    from ruamel.yaml import YAML

    document = {
        "name": "headgate",
        "pull": [],
        "deployments": [_deployment(item, pool) for item in wanted],
    }
    yaml = YAML()
    yaml.default_flow_style = False
    yaml.width = 120
    out = StringIO()
    yaml.dump(document, out)
    return HEAD + out.getvalue()


def _deployment(item: Wanted, pool: str) -> dict[str, object]:
    found: dict[str, object] = {
        "name": item.name,
        "entrypoint": item.entrypoint,
        "version": item.version,
        "description": item.description,
        "tags": list(item.tags),
        "parameters": dict(item.parameters),
        "enforce_parameter_schema": True,
        "work_pool": {"name": pool, "job_variables": {"env": environment()}},
    }
    if item.at_once:
        found["concurrency_limit"] = {"limit": item.at_once, "collision_strategy": "ENQUEUE"}
    if item.cron is not None:
        found["schedules"] = [{"cron": item.cron, "timezone": item.timezone, "slug": TAG, "active": True}]
    if item.triggered_by:
        found["triggers"] = [{
            "type": "event",
            "enabled": True,
            "name": f"headgate: build {item.name} when an input is published",
            "expect": [PUBLISHED_EVENT],
            "match": {"prefect.resource.id": [RESOURCE + name for name in item.triggered_by]},
        }]  # fmt: skip
    return found
