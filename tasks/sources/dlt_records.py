"""A resource of the dlt package, read into CSV for one batch: memory holds what it gives at once, and a block of rows."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any
from urllib.parse import urlsplit

from deployments.declarations.columns import Column
from deployments.declarations.sources import DltSource
from deployments.declared_settings import connection_setting
from deployments.errors import DeclarationError, SourceMissingError
from deployments.settings import Settings
from expectations.contract.split import Reject
from tasks.sources import dlt_resources
from tasks.sources.address import fill_text
from tasks.sources.dlt_errors import named
from tasks.sources.dlt_values import in_blocks
from tasks.sources.json_rows import AT_ONCE, Records, Rows
from tasks.sources.protocol import Span
from tasks.sources.rest_fields import Fields
from tasks.sources.rest_login import credentials


def open_reader(source: DltSource, settings: Settings, span: Span, columns: Sequence[Column] = ()) -> DltReader:
    optional = frozenset(column.source_name for column in columns if column.nullable)
    zoned = span if source.timezone is None else replace(span, timezone=source.timezone)
    return DltReader(source, settings, zoned, [column.source_name for column in columns], optional)


@dataclass
class DltReader:
    """See `StatefulReader`; how records become lines, `names` and `optional`: see `Rows`."""

    source: DltSource
    settings: Settings
    span: Span
    names: Sequence[str]
    optional: frozenset[str] = frozenset()
    set_aside: list[Reject] = field(default_factory=list, init=False)
    _begun: str = field(default="", init=False)
    _state: str = field(default="", init=False)

    @property
    def delimiter(self) -> str:
        return ","

    @property
    def where(self) -> str:
        return self.source.resource + (f" {self.source.name}" if self.source.name else "")

    def fingerprint(self) -> str | None:
        return None

    def resume(self, state: str) -> None:
        self._begun = state

    def state(self) -> str:
        return self._state

    def chunks(self) -> Iterator[bytes]:
        self.set_aside.clear()
        fields = Fields(self.source.fields, self.source.expand)
        rows = Rows(self.where, self.names, self.optional, self.set_aside, f"block of {AT_ONCE:,} records")
        yield from rows.lines(self._blocks(fields))
        fields.check_met(self.where)

    def _blocks(self, fields: Fields) -> Iterator[Records]:
        for block in self._read():
            yield fields.rows(block)

    def _read(self) -> Iterator[Records]:
        """Records in blocks; what the resource raises is told as ours."""
        dlt_resources.start()
        secrets = self._secrets()
        state = dlt_resources.read_state(self._begun) if self._begun else {}
        try:
            resource = self._resource(secrets)
            with dlt_resources.items_of(resource, state) as items:
                yield from in_blocks(items, self.where)
            self._state = dlt_resources.written_state(state)
        except GeneratorExit:
            raise
        except Exception as error:  # noqa: BLE001 - the code of a resource may raise anything
            settings = [connection_setting(told.partition(".")[0]) for told in self.source.secrets.values()]
            known = named(error, self.where, secrets, self._spoken(), settings, masked=self.span.masked)
            raise known from (None if known is not error else error.__cause__)

    def ping(self) -> str:
        """Ask for the first block of records, as a load does."""
        for block in self._read():
            return f"gives records: {len(block):,} in its first block"
        return "gives no record"

    def prove_missing(self, absent: SourceMissingError) -> None:
        """A resource says itself what it has: its code decides."""

    def close(self) -> None:
        """A resource is closed when its items are."""

    def _resource(self, secrets: Mapping[str, str]) -> Any:
        function = dlt_resources.found(self.source.resource, self.settings.project)
        arguments = self._filled(self.source.arguments)
        made = dlt_resources.called(function, self.source.resource, arguments, secrets)
        return dlt_resources.chosen(made, self.source.resource, self.source.name)

    def _filled(self, value: Any) -> Any:
        if isinstance(value, str):
            return fill_text(value, self.span.window, self.span.timezone)
        if isinstance(value, dict):
            return {name: self._filled(item) for name, item in value.items()}
        return [self._filled(item) for item in value] if isinstance(value, list) else value

    def _secrets(self) -> dict[str, str]:
        """The secrets by their paths. DeclarationError when a connection isn't set, or has no such part."""
        found: dict[str, str] = {}
        for path, told in self.source.secrets.items():
            connection, _, part = told.partition(".")
            address = self.settings.connection(connection)
            login = credentials(address)
            parts = {"secret": login.secret, "user": login.user, "password": login.password, "address": address}
            if not parts[part or "secret"]:
                raise DeclarationError(
                    f"source.secrets.{path} has nothing to give: the address of connection '{connection}' holds no "
                    f"{part or 'login'}",
                    code="SOURCE-LOGIN",
                    next_command=f"export {connection_setting(connection)}=https://user:password@host   (a key or token "
                    "alone: https://:TOKEN@host)",
                )
            found[path] = parts[part or "secret"]
        return found

    def _spoken(self) -> set[str]:
        """Everything secret in the connections that are named."""
        spoken: set[str] = set()
        for name in self.source.connections:
            address = self.settings.connections.get(name, "")
            login = credentials(address)
            spoken |= {login.user, login.password, urlsplit(address).netloc.rpartition("@")[0]} - {""}
        return spoken
