"""What a failed load says to type next is typed as it is printed: while the fault lasts, and when it is mended.

While it lasts, `check --connect` finds it where it is a fault of a connection, and a retry ends as the load did. Once what the
text says is mended, the same words end with everything working and the rows published.
"""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator
from typing import Any

import pytest

from deployments.next_commands import is_typable, written
from tests.acceptance.faults.faults_that_happen import (
    RESOURCES,
    SOURCES,
    STAGE,
    THEIRS,
    WAREHOUSE,
    whole_file,
)
from tests.acceptance.faults.scene_of_faults import (
    EARLIER,
    Fault,
    Scene,
)

pytestmark = pytest.mark.parametrize("place", ["postgresql"], indirect=True)


def played(scene: Scene, name: str, fault: Fault) -> Iterator[str]:
    """Make a fault happen, type what it prints, mend it, type it again; yields what was wrong."""
    for file in scene.house.folder.glob("tables/*.yaml"):
        if file.stem != "stays":
            file.unlink()
    scene.house.folder.joinpath("rows.csv").unlink(missing_ok=True)
    scene.name = re.sub(r"\W", "_", name)
    table = scene.house.declare(scene.name, fault.declared.replace("{web}", scene.web.base))
    if fault.loaded:
        scene.house.source("rows.csv", EARLIER)
        assert scene.said("run", table)[0] == 0
        whole_file(scene)
    fault.happen(scene)
    code, said = scene.said("run", table)
    if code == 0 or f"[{fault.code}]" not in said:
        yield f"{name}: no {fault.code}: {said}"
        return
    steps = [step for line in re.findall(r"next: (.*)", said) for step, _ in written(line)]
    commands = [step for step in dict.fromkeys(steps) if is_typable(step)]
    if not commands:
        yield f"{name}: nothing to type: {said}"
    for mended in (False, True)[not fault.lasts :]:
        if mended:
            fault.mend(scene)
        for command in commands:
            ended, told = scene.said(*shlex.split(command)[1:])
            scene.typed.append((name, command, ended))
            right = as_told(fault, command, mended, ended, told)
            if not right or re.search(r"\[UNFORESEEN\]|Traceback|\bRUN\b", told):
                yield f"{name}: {command}, {'mended' if mended else 'while it lasts'}: {ended} {told}"
    again = any(command.split()[1] in ("retry", "run") for command in commands)
    if again and (1, "one") not in scene.house.rows(table):
        yield f"{name}: nothing was published"


def as_told(fault: Fault, command: str, mended: bool, ended: int, told: str) -> bool:
    if command == "headgate check":
        return ended == 0
    if command.split()[1] == "check":
        works = mended or not fault.finds
        return (ended, "everything works" in told) == ((0, True) if works else (1, False)) and (
            mended or fault.found in told
        )
    if mended or command.split()[1] not in ("run", "retry"):
        return ended == 0
    return ended == 1 and f"[{fault.code}]" in told


def test_faults_of_sources(scene: Scene) -> None:
    wrong = [line for name, fault in SOURCES.items() for line in played(scene, name, fault)]
    assert not wrong, "\n".join(wrong)


def test_faults_of_the_stage(scene: Scene) -> None:
    wrong = [line for name, fault in STAGE.items() for line in played(scene, name, fault)]
    assert not wrong, "\n".join(wrong)


def test_faults_of_the_warehouse(scene: Scene) -> None:
    wrong = [line for name, fault in WAREHOUSE.items() for line in played(scene, name, fault)]
    assert not wrong, "\n".join(wrong)


def test_faults_of_a_mysql_server(scene: Scene, mysql: Any) -> None:
    def good(scene: Scene) -> None:
        scene.connect("shop", mysql.url)

    faults = {
        "a login of theirs": Fault(
            "SOURCE-LOGIN", THEIRS, lambda s: s.connect("shop", mysql.url.replace("reader", "nobody")), good, "nobody"
        ),
        "a server of theirs": Fault(
            "SOURCE-UNREACHABLE", THEIRS, lambda s: s.connect("shop", "mysql://a:b@127.0.0.1:9/c"), good, "127.0.0.1:9"
        ),
    }  # fmt: skip
    wrong = [line for name, fault in faults.items() for line in played(scene, name, fault)]
    assert not wrong, "\n".join(wrong)


def test_faults_of_resources(scene: Scene) -> None:
    wrong = [line for name, fault in RESOURCES.items() for line in played(scene, name, fault)]
    assert not wrong, "\n".join(wrong)
