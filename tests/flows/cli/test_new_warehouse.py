"""Commands in a warehouse in which nothing was ever run: an answer or a refusal that says where to begin, never a fault."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from tests.flows.cli.conftest import Told

Call = Callable[..., Told]


@pytest.mark.parametrize(("command", "code", "words"), [
    ("show", 0, "nothing was run yet"), ("show nope", 2, "next: headgate plan"), ("show --status failed", 0, "no run is like"),
    ("show --since 1d --table tag:none", 2, "selects no table"), ("show nope --since 1d", 2, "a run by its name"),
    ("show --status faild", 2, "is none of running"), ("show --since yesterday", 2, "neither a duration"),
    ("retry nope", 2, "no run 'nope' is known"), ("publish nope --override X --reason x --expires 1d", 2, "no run 'nope'"),
    ("drift explain nope", 2, "no run 'nope'"), ("drift explain items", 2, "no run of raw.items told a change"),
    ("drift accept items --reason x", 2, "is known"), ("drift accept nope --reason x", 2, "nope"),
    ("quarantine list", 0, "No rows are set aside"), ("quarantine show items", 0, ""),
    ("quarantine replay items", 0, "no row is open"),
    ("quarantine discard items --code X --reason x", 0, "no row"), ("incident list", 0, "No incident is open"),
    ("incident ack nope", 2, ""), ("review", 0, ""), ("plan", 0, "raw.items"), ("clean", 0, "nothing to remove"),
    ("rollback items", 2, ""), ("resume items", 0, "not paused: raw.items; nothing was changed"),
    ("lineage", 0, ""), ("oncall now", 2, ""), ("watch", 0, ""),
    ("report build", 0, ""), ("check --live", 0, ""),
])  # fmt: skip
def test_nothing_is_a_fault_of_ours(call: Call, command: str, code: int, words: str) -> None:
    told = call(*command.split())
    assert (told.code, "internal error" in told.err) == (code, False), told.out + told.err
    assert words in told.out + told.err
