"""Each option of the commands that look and tell, and of those around the loads, with and without it: a story by numbers."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from deployments.errors import DeclarationError
from tests.flows.cli.conftest import of

if TYPE_CHECKING:
    from tests.flows.cli.conftest import Told

Call = Callable[..., "Told"]


def test_01_everything_is_loaded(call: Call, folder: Path) -> None:
    (folder / "visits-2024-03-03.csv").write_text("id,at\n7,2024-03-03 10:00:00\n")
    assert call("run", "items", "visits").code == 0


@of("lineage", "TABLE", "--json")
def test_02_lineage(call: Call) -> None:
    def nodes(*arguments: str) -> set[str]:
        return {node["name"] for node in call("lineage", *arguments, "--json").json["nodes"]}

    assert {"raw.visits", "raw.items", "analytics.totals"} <= nodes()
    assert "raw.visits" not in nodes("totals")


@of("report build", "--runs", "--pages", "--json")
@of("report open", "WHAT", "--json")
@of("report publish", "DESTINATION", "--json")
def test_03_pages(call: Call, tmp_path: Path) -> None:
    few, many = (call("report", "build", "--runs", count, "--json").json["runs"] for count in ("1", "100"))
    assert few < many
    # Pages that are there stay: the report is made where there is none.
    with pytest.MonkeyPatch.context() as elsewhere:
        elsewhere.setenv("HEADGATE_REPORT_URL", f"file://{tmp_path}/anew")
        for pages in ("0", "1"):
            assert call("report", "build", "--pages", pages, "--json").json["runs"] == many
            written = [*(tmp_path / "anew" / "tables").glob("*/runs/*.html")]
            assert len(written) == int(pages) * len([*(tmp_path / "anew" / "tables").glob("*/history.jsonl")])
    assert call("report", "open", "--json").json["url"].endswith("/index.html")
    assert "raw.items" in call("report", "open", "items", "--json").json["url"]
    assert call("report", "publish", f"file://{tmp_path}/copy", "--json").json["objects"] > 0
    assert (tmp_path / "copy" / "index.html").is_file()


@of("review", "--weeks", "--json")
def test_04_a_review(call: Call) -> None:
    def days(*arguments: str) -> int:
        found = call("review", *arguments, "--json").json["now"]
        return round((_moment(found["end"]) - _moment(found["start"])) / 86400)

    assert (days(), days("--weeks", "3")) == (7, 21)


def _moment(text: str) -> float:
    return datetime.fromisoformat(text).timestamp()


@of("summary try", "FILE", "--json")
def test_05_a_rehearsal(call: Call, tmp_path: Path, folder: Path) -> None:
    file = tmp_path / "other.sql"
    file.write_text((folder / "summaries" / "totals.sql").read_text().replace("analytics.totals", "analytics.other"))
    assert call("summary", "try", str(file), "--json").json["target"] == "analytics.other"
    assert call("summary", "try", "totals", "--json").json["target"] == "analytics.totals"


@of("incident list", "--all", "--json")
@of("incident ack", "WHICH", "--all", "--by", "--json")
@of("incident silence", "WHICH", "--all", "--until", "--reason", "--by", "--json")
@of("incident resolve", "WHICH", "--all", "--reason", "--by", "--json")
@of("watch", "--json")
def test_06_incidents(call: Call, folder: Path) -> None:
    (folder / "items.csv").write_text("price\n1\n")
    assert call("run", "items").code == 1
    call("watch", "--json")
    [open_one] = [item for item in call("incident", "list", "--json").json if "raw.items" in json.dumps(item)]
    which = open_one["incident_id"]
    [told] = call("incident", "ack", which, "--by", "ana", "--json").json
    assert (told["state"], told["acknowledged_by"]) == ("acknowledged", "ana")
    [told] = call(
        "incident", "silence", "items", "--until", "2999-12-31", "--by", "ben", "--reason", "of a test", "--json"
    ).json
    assert told["silenced_until"][:10] == "2999-12-31"
    assert {"ben", "of a test"} <= set(_texts(told))
    assert which in {item["incident_id"] for item in call("incident", "ack", "--all", "--json").json}
    later = ("--until", "2998-12-31")
    assert {item["silenced_until"][:4] for item in call("incident", "silence", "--all", *later, "--json").json} == {
        "2998"
    }
    [told] = call("incident", "resolve", which, "--by", "cleo", "--reason", "mended", "--json").json
    assert {"cleo", "mended"} <= set(_texts(told))
    assert which not in [item["incident_id"] for item in call("incident", "list", "--json").json]
    assert which in [item["incident_id"] for item in call("incident", "list", "--all", "--json").json]
    call("incident", "resolve", "--all")
    assert call("incident", "list", "--json").json == []
    assert call("incident", "ack", "--all").code == 2


def _texts(value: Any) -> list[str]:
    if isinstance(value, dict):
        return [text for item in value.values() for text in _texts(item)]
    if isinstance(value, list):
        return [text for item in value for text in _texts(item)]
    return [str(value)]


@of("peek", "--table", "--query")
@of("new", "--query")
def test_07_a_database_is_looked_at(call: Call, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HEADGATE_CONNECTION_HERE", os.environ["HEADGATE_WAREHOUSE_URL"])
    fields = [
        field["field"] for field in call("peek", "connection:here", "--table", "raw.items", "--json").json["fields"]
    ]
    assert fields == ["id", "price"]
    query = ("connection:here", "--query", "SELECT id AS one FROM raw.items")
    assert [field["field"] for field in call("peek", *query, "--json").json["fields"]] == ["one"]
    drafted = folder / "tables" / "drafted.yaml"
    call("new", "raw.drafted", "--source", *query)
    assert "SELECT id AS one" in drafted.read_text()
    for file in (drafted, folder / "suites" / "drafted.yaml"):
        file.unlink()


@of("provision", "--plan")
@pytest.mark.effect("Provisioning.groups")
def test_08_a_plan_of_rights_changes_nothing(call: Call, folder: Path) -> None:
    group = f"readers_{os.getpid()}"
    (folder / "warehouse.yaml").write_text(f"groups: {{{group}: {{schemas: {{raw: read}}}}}}\n")
    for _ in range(2):
        planned_rights = call("provision", "--plan", "--json").json
        assert group in json.dumps(planned_rights["difference"])
    (folder / "warehouse.yaml").unlink()


def test_08b_rights_that_are_refused_are_told_as_not_done(
    call: Call, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from tasks import provision

    def refused(_: object) -> None:
        raise DeclarationError("the warehouse refused", code="PROVISION")

    monkeypatch.setattr(provision, "provision", refused)
    (folder / "warehouse.yaml").write_text(f"groups: {{readers_{os.getpid()}: {{schemas: {{raw: read}}}}}}\n")
    told = call("provision")
    (folder / "warehouse.yaml").unlink()
    assert (told.code, told.out.splitlines()[0]) == (2, "to be done, in one transaction:")
    assert told.err.splitlines()[0] == "refused; what is left to do: headgate provision --plan"


@of("watch", "--every")
def test_09_a_watch_goes_on(call: Call, monkeypatch: pytest.MonkeyPatch) -> None:
    from flows.cli import watch

    slept: list[float] = []

    def sleep(seconds: float) -> None:
        slept.append(seconds)
        raise KeyboardInterrupt

    monkeypatch.setattr(watch.time, "sleep", sleep)
    assert call("watch", "--every", "3600").code == 130
    assert 3000 < slept[0] <= 3600


@of("deploy", "--plan", "--pool", "--write", "--take-over", "--json")
def test_10_deployments(call: Call, folder: Path, tmp_path: Path) -> None:
    def changes(*options: str) -> set[str]:
        return {change["kind"] for change in call("deploy", *options, "--json").json["changes"]}

    call("deploy", "--write", str(tmp_path / "prefect.yaml"))
    assert "raw.items" in (tmp_path / "prefect.yaml").read_text()
    assert changes("--plan", "--pool", "one") == {"new"}
    assert changes("--pool", "one") == {"new"}, "neither the file nor the plan has deployed anything"
    assert changes("--plan", "--pool", "one") == {"same"}
    assert changes("--plan", "--pool", "two") == {"new"}
    other = tmp_path / "other" / "tables" / "other.yaml"
    other.parent.mkdir(parents=True)
    other.write_text((folder / "tables" / "items.yaml").read_text().replace("raw.items", "raw.other"))
    assert call("--project", str(tmp_path / "other"), "deploy", "--pool", "one").code == 2
    os.environ.pop("HEADGATE_PROJECT")
    assert call("--project", str(tmp_path / "other"), "deploy", "--pool", "one", "--take-over").code == 0


@of("deploy", "--take-over")
def test_10b_a_pool_serves_one_warehouse(call: Call, monkeypatch: pytest.MonkeyPatch) -> None:
    """The same tables are declared for another warehouse: their runs would load there from now on."""
    assert call("deploy", "--pool", "mine").code == 0
    assert call("deploy", "--pool", "mine").code == 0
    monkeypatch.setenv(
        "HEADGATE_WAREHOUSE_URL", "postgresql://loader:x@elsewhere.example.com/other?sslmode=verify-full"
    )
    told = call("deploy", "--plan", "--pool", "mine")
    assert "the pool 'mine' serves another warehouse, or this one had another address" in told.err
    told = call("deploy", "--pool", "mine")
    assert told.code == 2
    assert "POOL-TAKEN" in told.err
    assert "loader:x" not in told.err
    assert call("deploy", "--pool", "mine", "--take-over").code == 0
    assert call("deploy", "--pool", "mine").code == 0


@of("deploy", "--server-has-no-login")
@of("worker", "--server-has-no-login")
@of("blocks save", "--server-has-no-login", "--json")
@of("blocks register", "--json")
def test_11_a_server_without_a_login_is_used_when_that_is_said(call: Call, monkeypatch: pytest.MonkeyPatch) -> None:
    from flows.cli import worker
    from flows.deploy import login

    said: list[bool] = []
    monkeypatch.setattr(login, "require_login", lambda api, *, anyway, secrets=False: said.append(anyway) or [])
    monkeypatch.setattr(worker.os, "execv", lambda *_: None)
    for command in (("deploy", "--pool", "one", "--take-over"), ("worker",), ("blocks", "save")):
        call(*command)
        call(*command, "--server-has-no-login")
    assert said == [False, True] * 3
    assert call("blocks", "register", "--json").out[0] == "["
    assert call("blocks", "register").out[0] != "["
    assert call("blocks", "save", "--json").out[0] == "["
    assert call("blocks", "save").out[0] != "["


@of("demo", "--json")
def test_12_the_demo_for_programs(call: Call, monkeypatch: pytest.MonkeyPatch) -> None:
    from types import SimpleNamespace

    import flows.run
    from flows.cli import settings

    bench = SimpleNamespace(project=SimpleNamespace(tables={}, build_order=list), report_url="file:///report")
    monkeypatch.setattr(settings, "workbench", lambda **_: bench)
    monkeypatch.setattr(flows.run, "run_tables", lambda *_, **__: flows.run.Outcome())
    assert call("demo").out[0] != "{"
    assert call("demo", "--json").json["failures"] == 0
