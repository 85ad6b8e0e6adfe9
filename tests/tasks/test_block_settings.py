"""When blocks are asked for: only for what the environment lacks, never for the example project, never in silence."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
from prefect.blocks.core import Block

from deployments.declared_settings import SETTINGS
from deployments.errors import RetryableError
from deployments.project import SHOP
from deployments.settings import Settings
from tasks.block_settings import completed

NOBODY = "http://127.0.0.1:9/api"
FULL = {"warehouse_url": "postgresql://h/db", "stage_url": "file:///stage"}


def settings(project: Path, **more: object) -> Settings:
    return Settings(project=project, state=Path("/state"), **more)  # type: ignore[arg-type]


@pytest.mark.parametrize("given", [settings(Path("/mine"), **FULL), settings(SHOP)])
def test_nobody_is_asked(given: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PREFECT_API_URL", NOBODY)
    assert completed(given) is given


def test_without_a_server_nobody_is_asked(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("PREFECT_API_URL", raising=False)
    given = settings(Path("/mine"))
    assert completed(given) is given


@pytest.mark.parametrize(
    ("given", "connections"), [(settings(Path("/mine")), ()), (settings(Path("/mine"), **FULL), ("production",))]
)
def test_a_server_that_cannot_be_asked_is_no_reason_to_load_elsewhere(
    given: Settings, connections: tuple[str, ...], monkeypatch: pytest.MonkeyPatch
) -> None:
    from prefect.settings import PREFECT_API_URL, temporary_settings

    monkeypatch.setenv("PREFECT_API_URL", NOBODY)
    with temporary_settings({PREFECT_API_URL: NOBODY}), pytest.raises(RetryableError) as away:
        completed(given, connections)
    assert away.value.code == "PREFECT-UNREACHABLE"


def test_prefect_is_not_imported_when_nothing_is_missing() -> None:
    program = (
        "import sys; from pathlib import Path; from deployments.settings import Settings\n"
        "from tasks.block_settings import completed\n"
        "completed(Settings(Path('/p'), Path('/s'), 'postgresql://h/db', 'file:///s'))\n"
        "assert 'prefect' not in sys.modules"
    )
    subprocess.run([sys.executable, "-c", program], check=True, cwd=SHOP.parents[1])


def test_the_blocks_are_those_that_the_settings_are_declared_with() -> None:
    from tasks.blocks import KINDS

    declared = {(f"headgate-{item.block.kind}", item.block.field) for item in SETTINGS if item.block}
    assert declared == {(str(kind._block_type_slug), field) for kind in KINDS for field in _own_fields(kind)}


def _own_fields(kind: type[Block]) -> set[str]:
    return set(kind.model_fields) - set(Block.model_fields)
