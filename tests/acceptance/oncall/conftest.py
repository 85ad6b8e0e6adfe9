"""A small house with channels: Slack's bot interface and a mail server on loopback, a rota, and a clock to pass in."""

from __future__ import annotations

import importlib.util
import sys
import textwrap
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from deployments.errors import HeadgateError
from tasks.incidents import store
from tasks.incidents.model import Incident
from tasks.incidents.prefect_view import PrefectView
from tasks.incidents.watching import Pass, watch_pass
from tasks.workbench import Workbench, use

if TYPE_CHECKING:
    from tests.acceptance.conftest import House
    from tests.tasks.notices.conftest import MailServer, Sink

# The services that the tests of the notices use, too.
_file = Path(__file__).parents[2] / "tasks" / "notices" / "conftest.py"
_spec = importlib.util.spec_from_file_location("notice_services", _file)
assert _spec is not None
assert _spec.loader is not None
_services = importlib.util.module_from_spec(_spec)
sys.modules["notice_services"] = _services
_spec.loader.exec_module(_services)
sink, mail, certificate = _services.sink, _services.mail, _services.certificate

PEOPLE = """\
timezone: UTC
people:
  ana: {name: Ana, email: ana@example.com, slack: U0ANA}
  ben: {name: Ben, email: ben@example.com}
"""
TABLE = """\
description: Rows.
owner: owner@example.com
tier: core
source: {kind: csv, url: "file://{folder}/%s.csv"}
columns: [{name: id, type: integer, nullable: false}, {name: amount, type: integer}]
key: [id]
load: {mode: full_refresh}
"""
SUITE = """\
table: {schema}.%s
expectations:
  - {code: AMOUNT, type: expect_column_values_to_be_between, kwargs: {column: amount, min_value: 0}, severity: %s}
"""
GOOD, BAD = "id,amount\n1,5\n2,6\n", "id,amount\n1,5\n2,-6\n"


@dataclass
class Desk:
    """Everything around the on-call: the house whose tables fail, and what arrives."""

    house: House
    slack: Sink
    mail: MailServer

    @property
    def bench(self) -> Workbench:
        return use(self.house.place.settings)

    def table(self, name: str, content: str = GOOD, severity: str = "critical", more: str = "") -> str:
        """Declare a table of (id, amount) with one rule about amounts."""
        self.house.source(f"{name}.csv", content)
        return self.house.declare(name, TABLE % name + textwrap.dedent(more), SUITE % (name, severity))

    def load(self, table: str) -> str:
        """Run it; the code of its failure, or its status."""
        try:
            return self.house.load(table).status
        except HeadgateError as error:
            return error.code

    def watch(self, after_minutes: float = 0, view: PrefectView | None = None, at: datetime | None = None) -> Pass:
        return watch_pass(self.bench, view, at or datetime.now(UTC) + timedelta(minutes=after_minutes))

    def lose_the_warehouse(self) -> None:
        """From now on it is looked for where nothing listens."""
        self._known = self.house.place.settings
        self.house.place.settings = replace(self._known, warehouse_url="postgresql://nobody@127.0.0.1:1/none")

    def find_the_warehouse(self) -> None:
        self.house.place.settings = self._known

    @property
    def open(self) -> list[Incident]:
        return [item for item in store.incidents(self.bench, datetime.now(UTC)) if item.active]


@pytest.fixture
def desk(house: House, sink: Sink, mail: MailServer) -> Desk:
    # Ana, always, and the last handover some days ago: what the calendar tells has a test of its own.
    start = datetime.now(UTC) - timedelta(days=3)
    rota = f'{PEOPLE}handover: "{start:%A} 00:00"\nstarts: {start - timedelta(days=7):%Y-%m-%d}\nrotation: [ana]\n'
    (house.folder / "oncall.yaml").write_text(rota)
    token = _services.TOKEN
    channels = {"ops": f"slack://{token}@C0OPS?api={sink.url}/api", "mail": mail.address()}
    house.place.settings = replace(house.place.settings, notify=channels)
    house.place.forget_runs()
    return Desk(house, sink, mail)


@pytest.fixture
def free_port() -> Callable[[], int]:
    """A port on which nothing listens."""
    return _services._free_port
