"""What `connections.yaml` allows a reader to do to real servers: PostgreSQL and MariaDB."""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from deployments.errors import SourceUnreachableError
from tasks.progress import hear_waits
from tasks.retrying import is_passing

MANY = {
    "postgres": "SELECT n AS id, repeat('x', 200) AS note FROM generate_series(1, 200000) n",
    "mysql": "SELECT seq AS id, REPEAT('x', 200) AS note FROM seq_1_to_200000",
}
HOLDER = """
import sys
from pathlib import Path
from deployments.settings import Settings
from deployments.declarations.sources import PostgresSource
from tasks.sources.opening import open_declared
from tasks.sources.protocol import Span
folder = Path(sys.argv[1])
settings = Settings(project=folder, state=folder, connections={"shop": sys.argv[2]})
source = PostgresSource(kind="postgres", connection="shop", query=sys.argv[3])
chunks = open_declared(source, settings, Span(None, "UTC")).chunks()
next(chunks)
print("holds", flush=True)
sys.stdin.read()
"""


def allow(folder: Path, text: str) -> None:
    (folder / "connections.yaml").write_text(f"connections: {{shop: {{{text}}}}}\n")


@pytest.fixture(params=["postgres", "mysql"])
def many(request: pytest.FixtureRequest) -> dict[str, Any]:
    """A source of 200,000 rows, and the address of its connection `shop`."""
    kind = str(request.param)
    url = request.getfixturevalue("mysql").url if kind == "mysql" else request.getfixturevalue("new_database")()
    return {"declared": {"kind": kind, "connection": "shop", "query": MANY[kind]}, "shop": url}


@pytest.mark.effect("Protection.max_connections", "Protection.wait")
def test_a_read_waits_for_a_place_and_says_so(
    many: dict[str, Any], source: Callable[..., Any], tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    heard: list[str] = []
    request.addfinalizer(hear_waits(heard.append))
    allow(tmp_path, "max_connections: 1, wait: 1s")
    first = source(**many).chunks()
    next(first)
    began = time.monotonic()
    with pytest.raises(SourceUnreachableError) as caught:
        b"".join(source(**many).chunks())
    assert 1 <= time.monotonic() - began < 30
    assert caught.value.code == "CONNECTIONS-TAKEN"
    assert is_passing(caught.value)
    assert heard == [
        "the read waits: all of max_connections: 1 of 'shop' (connections.yaml) are in use here; "
        "it goes on when one is free, for 1s at most"
    ]
    with pytest.raises(SourceUnreachableError):
        source(**many).ping()
    allow(tmp_path, "max_connections: 2, wait: 1s")
    assert b"".join(source(**many).chunks()).count(b"\n") == 200_001
    first.close()
    allow(tmp_path, "max_connections: 1, wait: 0s")
    # Each question has a place and gives it back.
    reader = source(**many)
    assert (reader.fingerprint()[:11], len(reader.describe().columns), bool(reader.ping())) == ("rows:200000", 2, True)
    assert reader.says_yes("SELECT true")


def test_a_place_is_free_when_its_process_is_gone(
    new_database: Callable[[], str], source: Callable[..., Any], tmp_path: Path
) -> None:
    allow(tmp_path, "max_connections: 1, wait: 0s")
    url, declared = new_database(), {"kind": "postgres", "connection": "shop", "query": MANY["postgres"]}
    other = subprocess.Popen(
        [sys.executable, "-c", HOLDER, str(tmp_path), url, MANY["postgres"]], stdin=subprocess.PIPE,
        stdout=subprocess.PIPE, cwd=Path(__file__).parents[3], text=True,
    )  # fmt: skip
    try:
        assert other.stdout is not None
        assert other.stdout.readline() == "holds\n"
        with pytest.raises(SourceUnreachableError):
            source(declared, shop=url).ping()
    finally:
        other.kill()
        other.communicate()
    assert source(declared, shop=url).ping()
