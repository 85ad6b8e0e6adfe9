"""Who decides: the login is recorded whoever is named, and `roles` and `decisions` of `warehouse.yaml` are kept everywhere."""

from __future__ import annotations

import os
import pwd
import subprocess
import sys
from collections.abc import Callable
from typing import Any

import pytest

from deployments.declarations.provisioning import Matter, Provisioning
from tasks.deciding import MATTERS, named
from tests.acceptance.operations.test_override import BAD, fail

on_postgresql = pytest.mark.parametrize("place", ["postgresql"], indirect=True)
effect = pytest.mark.effect
ME = pwd.getpwuid(os.getuid()).pw_name
WHY = ("--reason", "of a test")
COMMANDS: dict[Matter, Callable[[str, str], tuple[str, ...]]] = {
    "rollback": lambda table, run: ("rollback", table, *WHY),
    "override": lambda table, run: ("publish", run, "--override", "FEW", "--expires", "1d", *WHY),
    "pause": lambda table, run: ("pause", table, "--until", "1h", *WHY),
    "discard": lambda table, run: ("quarantine", "discard", table, "--code", "AMOUNT", *WHY),
    "erase": lambda table, run: ("erase", table, "--key", "id=1", *WHY),
}
ROLES = """
roles:
  owners: [%s]
decisions:
  %s: [owners]
"""


def story(house: Any, command: Callable[..., Any]) -> tuple[str, str]:
    """A table with a publish that can be undone, and a run that failed."""
    return fail(house, command, BAD)


def decided(house: Any, table: str) -> list[tuple[str, str]]:
    return [(str(kind), str(by)) for kind, by in house.place.ask(
        "SELECT kind, decided_by FROM ops.decision WHERE target = %s ORDER BY decided_at", (table,))]  # fmt: skip


def only(house: Any, matter: str, logins: str) -> None:
    (house.folder / "warehouse.yaml").write_text(ROLES % (logins, matter))


@on_postgresql
@effect("Provisioning.roles")
@effect("Provisioning.decisions")
@pytest.mark.parametrize("matter", [
    pytest.param(matter, marks=effect(f"Provisioning.decisions={matter}")) for matter in COMMANDS
])  # fmt: skip
def test_others_are_refused_and_nothing_is_changed(house: Any, command: Callable[..., Any], matter: Matter) -> None:
    table, run = story(house, command)
    before, proofs = house.rows(table), house.proofs(table)
    # A name that is said proves nothing, neither does a variable.
    only(house, matter, "machine:nobody-here, prefect:*")
    with pytest.MonkeyPatch.context() as patch:
        for name in ("HEADGATE_USER", "USER", "LOGNAME"):
            patch.setenv(name, "nobody-here")
        refused = command(*COMMANDS[matter](table, run), "--by", "nobody-here")
    assert refused.error is not None, refused.out
    assert refused.error.code == "NOT-YOURS-TO-DECIDE"
    assert f"isn't for machine:{ME} or warehouse:" in str(refused.error)
    assert f"leaves {matter} to owners (machine:nobody-here, prefect:*)" in str(refused.error)
    assert (house.rows(table), house.proofs(table), decided(house, table)) == (before, proofs, [])


@on_postgresql
@pytest.mark.parametrize("matter", [matter for matter in COMMANDS if matter != "discard"])
@pytest.mark.parametrize("login", ["machine:{me}", "warehouse:{session}"])
def test_who_may_decides_and_is_recorded(house: Any, command: Callable[..., Any], matter: Matter, login: str) -> None:
    table, run = story(house, command)
    if matter == "rollback":
        house.source("orders.csv", "id,amount\n1,1\n2,3\n")
        house.load(table)
    ((session,),) = house.place.ask("SELECT session_user")
    only(house, matter, login.format(me=ME, session=session))
    done = command(*COMMANDS[matter](table, run), "--by", "ana")
    assert done.error is None, done.out
    assert [by for _, by in decided(house, table)] == [f"ana (login {ME})"]


def test_every_matter_is_one_that_a_command_decides() -> None:
    # Answers to an alarm need one: test_answer_drift.py.
    assert set(COMMANDS) | {"drift"} == set(MATTERS.values())


def test_without_a_name_it_is_the_login(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("HEADGATE_USER", raising=False)
    assert (named(None), named(ME), named("ana")) == (ME, ME, f"ana (login {ME})")
    monkeypatch.setenv("HEADGATE_USER", "ana")
    assert named(None) == f"ana (login {ME})"


@pytest.mark.skipif(os.getuid() != 0, reason="needs a second user of the machine")
def test_a_second_user_of_the_machine_is_another_login() -> None:
    said = "import os; from tasks.deciding import named; os.environ['USER'] = 'root'; os.setuid(65534); print(named('root'))"
    told = subprocess.run([sys.executable, "-c", said], capture_output=True, text=True, timeout=120, check=True)
    assert told.stdout.strip() == f"root (login {pwd.getpwuid(65534).pw_name})"


@pytest.mark.parametrize(("text", "told"), [
    ({"decisions": {"erase": ["privacy"]}}, "decisions.erase names the role 'privacy'"),
    ({"roles": {"owners": ["maria"]}}, "'maria' isn't a login; allowed: machine:NAME"),
    ({"roles": {"owners": ["os:maria"]}}, "isn't a login"),
    ({"decisions": {"everything": []}}, "everything"),
])  # fmt: skip
def test_what_is_no_role_is_told(text: dict[str, Any], told: str) -> None:
    with pytest.raises(ValueError, match=told.replace(".", r"\.")):
        Provisioning.model_validate(text)
