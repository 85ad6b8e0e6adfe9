"""What `connections.yaml` allows a reader to do to real servers: PostgreSQL and MariaDB."""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Callable
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import psycopg2
import pytest

from deployments.declarations.connections import Hours
from deployments.errors import DeclarationError, RetryableError, SourceUnreachableError
from tasks.progress import hear_waits
from tasks.retrying import is_passing

MANY = {
    "postgres": "SELECT n AS id, repeat('x', 200) AS note FROM generate_series(1, 200000) n",
    "mysql": "SELECT seq AS id, REPEAT('x', 200) AS note FROM seq_1_to_200000",
}
HOLDER = """
import sys
from datetime import UTC, datetime, timedelta
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


@pytest.mark.parametrize(("hours", "now", "opening"), [
    # Seoul is nine hours ahead of UTC.
    ("22:00-06:00", "2024-03-01 12:59", "2024-03-01 13:00"), ("22:00-06:00", "2024-03-01 13:00", None),
    ("22:00-06:00", "2024-03-01 20:59:59", None), ("22:00-06:00", "2024-03-01 21:00", "2024-03-02 13:00"),
    ("09:00-17:00", "2024-03-01 00:00", None), ("09:00-17:00", "2024-03-01 08:00", "2024-03-02 00:00"),
    ("09:00-17:00", "2024-02-29 23:59", "2024-03-01 00:00"),
])  # fmt: skip
def test_hours_begin_and_end_by_the_clocks_of_their_zone(hours: str, now: str, opening: str | None) -> None:
    start, _, end = hours.partition("-")
    declared = Hours.model_validate({"from": start, "to": end, "timezone": "Asia/Seoul"})
    expected = None if opening is None else datetime.fromisoformat(opening).replace(tzinfo=UTC)
    assert declared.opening(datetime.fromisoformat(now).replace(tzinfo=UTC)) == expected


def test_hours_of_a_zone_that_moves_its_clocks() -> None:
    hours = Hours.model_validate({"from": "22:00", "to": "04:00", "timezone": "Europe/Berlin"})
    # In the night of the change the clocks go from 2:00 to 3:00: an hour less.
    assert hours.opening(datetime(2024, 3, 31, 1, 59, tzinfo=UTC)) is None
    assert hours.opening(datetime(2024, 3, 31, 2, 0, tzinfo=UTC)) == datetime(2024, 3, 31, 20, 0, tzinfo=UTC)
    assert hours.opening(datetime(2024, 3, 30, 20, 59, tzinfo=UTC)) == datetime(2024, 3, 30, 21, 0, tzinfo=UTC)


@pytest.mark.parametrize("wrong", [{"from": "22:00", "to": "22:00"}, {"from": "24:00", "to": "6:00"}])
def test_hours_that_are_none(wrong: dict[str, str]) -> None:
    with pytest.raises(ValueError, match=r"isn't a time of day|no hour or all"):
        Hours.model_validate({**wrong, "timezone": "UTC"})


def beside(now: datetime) -> str:
    """Hours that begin in two hours, as the file says them."""
    first, last = (f"{now + timedelta(hours=number):%H:%M}" for number in (2, 3))
    return f"allowed: {{from: '{first}', to: '{last}', timezone: UTC}}"


@pytest.mark.effect("Protection.allowed", "Hours.from", "Hours.to", "Hours.timezone")
def test_no_rows_are_read_at_another_hour(many: dict[str, Any], source: Callable[..., Any], tmp_path: Path) -> None:
    now = datetime.now(UTC)
    allow(tmp_path, beside(now))
    reader = source(**many)
    for ask in (lambda: b"".join(reader.chunks()), reader.fingerprint, lambda: reader.first_day("id")):
        with pytest.raises(RetryableError, match=f"{now + timedelta(hours=2):%Y-%m-%d %H:%M}") as caught:
            ask()
        assert caught.value.code == "OUTSIDE-HOURS"
    assert reader.ping()
    assert len(reader.describe().columns) == 2
    allow(tmp_path, beside(now - timedelta(hours=2, minutes=30)))
    assert b"".join(source(**many).chunks()).count(b"\n") == 200_001


SLOW = {"postgres": "SELECT 1 AS id, pg_sleep(8)::text AS note", "mysql": "SELECT 1 AS id, SLEEP(8) AS note"}
HELD = {
    "postgres": "SELECT count(*) FROM pg_stat_activity WHERE application_name = 'headgate' AND datname = current_database() "
    "AND state <> 'idle'",
    "mysql": "SELECT COUNT(*) FROM information_schema.innodb_trx t JOIN information_schema.processlist p "
    "ON p.id = t.trx_mysql_thread_id WHERE p.db = DATABASE()",
}


def held(many: dict[str, Any], ask: Callable[[str], Any]) -> int:
    return int(ask(HELD[many["declared"]["kind"]]))


@pytest.mark.effect("Protection.snapshot")
def test_a_read_that_holds_its_snapshot_for_too_long_is_ended(
    many: dict[str, Any], source: Callable[..., Any], tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    kind = many["declared"]["kind"]

    def ask(statement: str) -> Any:
        if kind == "mysql":
            return request.getfixturevalue("mysql").run(statement)[0][0]
        with closing(psycopg2.connect(many["shop"])) as connection, connection.cursor() as cursor:
            cursor.execute(statement)
            row = cursor.fetchone()
            return None if row is None else row[0]

    allow(tmp_path, "snapshot: 2s")
    # Whoever takes the rows is slow: the server waits for us to read on.
    chunks = source(**many).chunks()
    next(chunks)
    assert held(many, ask) == 1
    end = time.monotonic() + 30
    while held(many, ask):
        assert time.monotonic() < end
        time.sleep(0.1)
    with pytest.raises(DeclarationError, match="held its snapshot for 2s") as caught:
        b"".join(chunks)
    assert caught.value.code == "SNAPSHOT-AGE"
    assert not is_passing(caught.value)
    # The server is slow.
    slow = {**many, "declared": {**many["declared"], "query": SLOW[kind]}}
    for read in (lambda: b"".join(source(**slow).chunks()), source(**slow).fingerprint):
        began = time.monotonic()
        with pytest.raises(DeclarationError) as caught:
            read()
        assert (caught.value.code, time.monotonic() - began < 7) == ("SNAPSHOT-AGE", True)
    while held(many, ask):
        assert time.monotonic() < end
        time.sleep(0.1)
    # What is done in time isn't touched, nor what is taken later on.
    allow(tmp_path, "snapshot: 60s")
    assert b"".join(source(**many).chunks()).count(b"\n") == 200_001
    few = {**many, "declared": {**many["declared"], "query": "SELECT 1 AS id, 2 AS note"}}
    allow(tmp_path, "snapshot: 1s")
    if kind == "postgres":
        chunks = source(**few).chunks()
        first = next(chunks)
        time.sleep(1.5)
        assert first + b"".join(chunks) == b"id,note\n1,2\n"
