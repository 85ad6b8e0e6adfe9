"""Fill settings that the environment doesn't have from the blocks of the Prefect server. The environment wins.

Prefect is imported only when something is absent and a server is configured, so that other commands start at once.
"""

from __future__ import annotations

import os
from collections.abc import Collection, Mapping
from dataclasses import replace
from typing import Any

from deployments.declared_settings import SETTINGS
from deployments.errors import RetryableError
from deployments.settings import Settings


def completed(settings: Settings, connections: Collection[str] = ()) -> Settings:
    """The settings with what is missing taken from blocks. `connections`: names that the project's sources use.

    The example project never uses blocks: it must not be loaded into somebody's warehouse. RetryableError when the
    server can't be asked: falling back to the local stack instead would load into the wrong place.
    """
    complete = settings.warehouse_url and settings.stage_url and set(connections) <= set(settings.connections)
    if complete or settings.is_shop or not os.environ.get("PREFECT_API_URL"):
        return settings
    kept = {kind: _documents(f"headgate-{kind}") for kind in {item.block.kind for item in SETTINGS if item.block}}
    found: dict[str, Any] = {}
    for setting in SETTINGS:
        field = setting.name.lower()
        if setting.block is None or setting.family:
            continue
        if getattr(settings, field) is None:
            found[field] = kept[setting.block.kind].get("default", {}).get(setting.block.field)
    return replace(
        settings, **found,
        connections=_named(kept["connection"]) | dict(settings.connections),
        notify=_named(kept["notify"]) | dict(settings.notify),
    )  # fmt: skip


def _named(documents: Mapping[str, dict[str, Any]]) -> dict[str, str]:
    return {name.replace("-", "_"): str(values["url"]) for name, values in documents.items()}


def _documents(slug: str) -> dict[str, dict[str, Any]]:
    """The contents of a block type's documents by name; none when the type isn't registered."""
    from httpx import HTTPError, HTTPStatusError, codes
    from prefect.client.orchestration import get_client
    from prefect.exceptions import ObjectNotFound

    try:
        with get_client(sync_client=True) as client:
            found = client.read_block_documents_by_type(slug, include_secrets=True)
    except ObjectNotFound:
        return {}
    except HTTPError as error:
        # Prefect's client gives back a type that isn't registered as the server's plain answer.
        if isinstance(error, HTTPStatusError) and error.response.status_code == codes.NOT_FOUND:
            return {}
        raise RetryableError(
            f"the Prefect server can't be asked for its blocks: {type(error).__name__}", code="PREFECT-UNREACHABLE",
            next_command="check PREFECT_API_URL, or set HEADGATE_WAREHOUSE_URL and HEADGATE_STAGE_URL",
        ) from None  # fmt: skip
    return {document.name: document.data for document in found if document.name is not None}
