"""The commands of a runbook's "What to do" are typed in a state of one of its codes, in their order: none is refused there.

While the fault lasts, what loads again may end as the load did; nothing may end with another code.
"""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.acceptance.faults.faults_that_happen import SOURCES, STAGE, WAREHOUSE
from tests.acceptance.faults.scene_of_faults import Scene

pytestmark = pytest.mark.parametrize("place", ["postgresql"], indirect=True)
RUNBOOKS = Path(__file__).parents[3] / "docs" / "runbooks"
STATES = {
    "source": SOURCES["a server's fault"], "stage": STAGE["a stage that is slow to answer"],
    "warehouse": WAREHOUSE["a lock of somebody"], "data": SOURCES["fewer rows"], "contract": SOURCES["another header"],
    "declaration": SOURCES["packed another way"],
}  # fmt: skip
OF_PEOPLE = re.compile(r"\b(ID|FILE|NAME|LOGIN|WINDOW|SUMMARY|COLUMN|LABEL)\b")
"""What only whoever reads it knows: which incident, file, pool or window."""


def commands(name: str, code: str) -> Iterator[str]:
    """Those of the steps that are for this code, or for all of the runbook's."""
    steps = RUNBOOKS.joinpath(f"{name}.md").read_text().partition("## What to do")[2].partition("\n## ")[0]
    for step in re.split(r"^\d+\. ", steps, flags=re.MULTILINE)[1:]:
        for_codes = re.match(r"((?:`[A-Z][A-Z-]+`(?:, | and )?)+)", step)
        if for_codes is None or f"`{code}`" in for_codes[1]:
            yield from (" ".join(found.split()) for found in re.findall(r"`(headgate\s[^`]+)`", step))


@pytest.mark.parametrize("name", STATES)
def test_each_command_of_a_runbook(scene: Scene, name: str) -> None:
    fault = STATES[name]
    scene.name = f"of_{name}"
    table = scene.house.declare(scene.name, fault.declared.replace("{web}", scene.web.base))
    if fault.loaded:
        scene.house.source("rows.csv", "id,note\n1,first\n2,second\n")
        assert scene.said("run", table)[0] == 0
        scene.house.source("rows.csv", "id,note\n1,one\n2,two\n")
    fault.happen(scene)
    code, said = scene.said("run", table)
    assert (code != 0, f"[{fault.code}]" in said) == (True, True), said
    run = re.search(rf"{scene.name}-\d{{8}}-[0-9a-f]+", said)
    assert run is not None, said
    found = [text for text in commands(name, fault.code) if not OF_PEOPLE.search(text)]
    assert found, "a runbook without a command"
    wrong = []
    for text in found:
        words = (
            text.replace("TABLE", table).replace("RUN", run[0]).replace("CODE", fault.code).replace("...", "of a test")
        )
        ended, told = scene.said(*shlex.split(words)[1:])
        scene.typed.append((name, words, ended))
        codes = set(re.findall(r"\[([A-Z][A-Z-]+)\]", told))
        if ended not in (0, 3) and codes != {fault.code} and words != "headgate check --connect":
            wrong.append(f"{words}: {ended} {told}")
        if words.startswith("headgate pause"):
            # It would hold for other tests of this warehouse, too.
            assert scene.said("resume", "--all")[0] == 0
        if "Usage:" in told or re.search(r"\bRUN\b", told) or "Traceback" in told:
            wrong.append(f"{words}: {told}")
    assert not wrong, "\n".join(wrong)
    fault.mend(scene)
    ended, told = scene.said("run", table)
    assert (ended, bool(scene.house.rows(table))) == (0, True), told
