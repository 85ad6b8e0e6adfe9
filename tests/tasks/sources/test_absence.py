"""Nothing counts as an empty window but what is proven not to be there."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from deployments.errors import HeadgateError, SourceMissingError
from tests.tasks.sources.lying_web import LyingWeb, answer

if TYPE_CHECKING:
    from deployments.embedded.stack import StackState

Source = Callable[..., Any]
DAY = "/in/{window.start:%Y-%m-%d}.csv"


@pytest.fixture
def lying() -> Iterator[LyingWeb]:
    made = LyingWeb()
    yield made
    made.close()


def proven(reader: Any) -> str:
    """What becomes of a window whose source has nothing: `empty`, or the code of the failure."""
    with pytest.raises(HeadgateError) as caught:
        list(reader.chunks())
    if not isinstance(caught.value, SourceMissingError):
        return caught.value.code
    try:
        reader.prove_missing(caught.value)
    except HeadgateError as error:
        return error.code
    return "empty"


WEB: dict[str, tuple[dict[str, bytes], str]] = {
    "404 to everything": ({}, "NOT-PROVEN-EMPTY"),
    "404, and a root page": ({"/": answer(200, b"Welcome")}, "NOT-PROVEN-EMPTY"),
    "404, and the day before is there": ({"/in/2024-02-29.csv": answer(200, b"id\n")}, "empty"),
    "404, and the day after is there": ({"/in/2024-03-02.csv": answer(200, b"id\n")}, "empty"),
    "404, and last week is there": ({"/in/2024-02-23.csv": answer(200, b"id\n")}, "empty"),
    "404, and the folder is there": ({"/in/": answer(200, b"list")}, "empty"),
    "404, and the folder is refused": ({"/in/": answer(403)}, "NOT-PROVEN-EMPTY"),
    "404, and 500 beside it": ({"/in/2024-02-29.csv": answer(500)}, "NOT-PROVEN-EMPTY"),
    "410": ({"/in/2024-03-01.csv": answer(410)}, "empty"),
    "403": ({"/in/2024-03-01.csv": answer(403)}, "SOURCE-LOGIN"),
    "204": ({"/in/2024-03-01.csv": answer(204, length=None)}, "SOURCE-ANSWER"),
}


@pytest.mark.parametrize("kind", ["csv", "json"])
@pytest.mark.parametrize("case", WEB)
def test_a_web_server(lying: LyingWeb, source: Source, case: str, kind: str) -> None:
    pages, outcome = WEB[case]
    for path, sent in pages.items():
        lying.put(path, sent)
    reader = source({"kind": kind, "url": lying.base + DAY}, day="2024-03-01", zone="UTC")
    assert proven(reader) == outcome


def test_a_folder(tmp_path: Path, source: Source) -> None:
    (tmp_path / "there").mkdir()
    (tmp_path / "there" / "link-2024-03-01.csv").symlink_to(tmp_path / "unmounted" / "a.csv")
    for url, outcome in {
        f"file://{tmp_path}/there/{{window.start:%Y-%m-%d}}.csv": "empty",
        f"file://{tmp_path}/there/{{window.start:%Y}}/{{window.start:%m-%d}}.csv": "empty",
        f"file://{tmp_path}/unmounted/{{window.start:%Y-%m-%d}}.csv": "NOT-PROVEN-EMPTY",
        f"file://{tmp_path}/unmounted/{{window.start:%Y}}/a.csv": "NOT-PROVEN-EMPTY",
        f"file://{tmp_path}/there/link-{{window.start:%Y-%m-%d}}.csv": "SOURCE-UNREACHABLE",
    }.items():
        assert proven(source({"kind": "csv", "url": url}, day="2024-03-01", zone="UTC")) == outcome


def test_a_bucket(clients: StackState, lying: LyingWeb, source: Source) -> None:
    keys = {"access_key_id": "k", "secret_access_key": "s", "region": "us-east-1"}
    query = "&".join(f"{name}={value}" for name, value in keys.items())
    lying.put("*", answer(404, b"not here"))
    for connection, outcome in {
        f"s3://{clients.s3_bucket}/in": "empty",
        "s3://no-such-bucket/in": "SOURCE",
        f"s3://{clients.s3_bucket}?endpoint_url={lying.base}&{query}": "SOURCE-UNREACHABLE",
    }.items():
        declared = {"kind": "csv", "connection": "lake", "url": "/{window.start:%Y-%m-%d}.csv"}
        assert proven(source(declared, day="2024-03-01", zone="UTC", lake=connection)) == outcome
