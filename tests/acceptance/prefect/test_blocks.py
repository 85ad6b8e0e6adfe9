"""Settings kept as blocks on a real server: saved from an environment, read where it lacks them, secrets masked."""

from __future__ import annotations

import json
import subprocess
import sys
from typing import Any

import httpx
import pytest

pytestmark = pytest.mark.story
SHOW = """
import json
from deployments.settings import read_settings
from tasks.block_settings import completed
found = completed(read_settings())
print(json.dumps([found.warehouse_url, found.stage_url, dict(found.connections)]))
"""


def seen(site: Any, *without: str, **more: str) -> Any:
    environment = {k: v for k, v in site.environment.items() if k not in without} | more
    done = subprocess.run([sys.executable, "-P", "-c", SHOW], env=environment, cwd=site.folder, capture_output=True,
                          text=True, check=True)  # fmt: skip
    return json.loads(done.stdout)


def forget_block_types(site: Any) -> None:
    """Make the server one that never heard of headgate's blocks."""
    for found in site.api("block_types/filter", {"limit": 200}):
        if found["slug"].startswith("headgate-"):
            httpx.delete(
                f"{site.state.prefect_api_url}/block_types/{found['id']}", trust_env=False, timeout=60, auth=site.login
            ).raise_for_status()


def test_saved_read_back_and_masked(site: Any) -> None:
    site.write(days=1)
    forget_block_types(site)
    assert seen(site, "HEADGATE_WAREHOUSE_URL", "HEADGATE_STAGE_URL") == [None, None, {}]
    site.more["HEADGATE_CONNECTION_MY_SHOP"] = "postgresql://u:geheim@shop/db"
    said = site.headgate("blocks", "save").stdout
    assert "headgate-connection/my-shop" in said
    assert "geheim" not in said
    assert "geheim" not in json.dumps(site.api("block_documents/filter", {}))
    everything = seen(site, "HEADGATE_WAREHOUSE_URL", "HEADGATE_STAGE_URL", "HEADGATE_CONNECTION_MY_SHOP")
    assert everything == [
        site.environment["HEADGATE_WAREHOUSE_URL"], site.environment["HEADGATE_STAGE_URL"],
        {"my_shop": "postgresql://u:geheim@shop/db"},
    ]  # fmt: skip
    # The environment wins.
    assert seen(site, "HEADGATE_WAREHOUSE_URL", HEADGATE_STAGE_URL="file:///elsewhere")[1] == "file:///elsewhere"
