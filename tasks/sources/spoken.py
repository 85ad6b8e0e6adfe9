"""A source as people type it at a terminal, made into a declared one.

Forms: an address (http, https, file, s3) or a path of a file; `connection:NAME` with a query or a table for a database;
`connection:NAME/path` below the address of a connection; a file of YAML with a `source:` of any kind.
"""

from __future__ import annotations

import csv
import os
import re
import shlex
from collections.abc import Sequence
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import get_args
from urllib.parse import quote

from pydantic import TypeAdapter, ValidationError

from deployments.addresses import DATABASES, MYSQL
from deployments.declarations.problems import nearest
from deployments.declarations.sources import CsvSource, JsonSource, MysqlSource, PostgresSource, Source
from deployments.declarations.table import Table
from deployments.errors import DeclarationError
from deployments.settings import Settings
from tasks.sources import address
from tasks.sources.file_forms import PARQUET
from tasks.sources.folder import FolderReader
from tasks.sources.json_records import is_lines, looks_like_lines
from tasks.sources.opening import open_declared
from tasks.sources.protocol import NO_SUCH_WINDOW, Span
from tasks.sources.spoken_file import ENDINGS, declared_in

_DELIMITERS = ",;\t|"
_JSON = ("{", "[")
_LONGEST_TYPED = 200
_SHORTENED = 64
"""Of an object with a longer name only the end is told."""
_ADAPTER: TypeAdapter[Source] = TypeAdapter(Source)


@dataclass(frozen=True, slots=True)
class Spoken:
    """What was typed: SOURCE, and the options that say how to read it (None: to be found out)."""

    source: str
    format: str | None = None
    delimiter: str | None = None
    encoding: str | None = None
    records: str | None = None
    next: str | None = None
    query: str | None = None
    table: str | None = None


def declared(spoken: Spoken, settings: Settings, span: Span) -> Source:
    """The source that was meant; looks at its first bytes where format or delimiter weren't said.

    DeclarationError when it can't be one; errors of the source when it can't be reached.
    """
    if spoken.source.endswith(ENDINGS) and "://" not in spoken.source and Path(spoken.source).is_file():
        return declared_in(Path(spoken.source))
    name, url = _parts(spoken.source)
    base = None if name is None else settings.connection(name)
    if base is not None and base.partition("://")[0] in DATABASES:
        kind = "mysql" if base.partition("://")[0] in MYSQL else "postgres"
        return _database(spoken, str(name), url, kind)
    if spoken.query is not None or spoken.table is not None:
        raise _wrong(f"--query and --table belong to a database, as connection:NAME; {spoken.source} isn't one")
    if name is None:
        _check_there(spoken.source)
    if not url:
        raise _wrong(f"connection '{name}' is an address, not a database: write connection:{name}/path/of/the/file")
    common: dict[str, object] = {"connection": name, "url": url}
    text: dict[str, object] = {
        **common,
        "kind": "csv",
        "delimiter": spoken.delimiter or ",",
        "encoding": spoken.encoding or "utf-8",
    }
    json: dict[str, object] = {**common, "kind": "json", "records": spoken.records, "next": spoken.next}
    parquet: dict[str, object] = {**common, "kind": "parquet"}
    if spoken.format == "parquet":
        return _made(parquet)
    if spoken.format == "csv" and spoken.delimiter is not None:
        return _made(text)
    try:
        start = _start(_one_file(text, settings, span), settings, span)
    except DeclarationError as error:
        if spoken.format is None and error.facts.get("form") == PARQUET:
            return _made(parquet)
        raise
    if spoken.format == "json" or (
        spoken.format is None and (spoken.records or start.lstrip("\ufeff \t\r\n")[:1] in _JSON)
    ):
        lines = not spoken.records and looks_like_lines(start.encode())
        below = url.endswith("/")
        # Documents of a folder aren't read together.
        return _made(json | ({"format": "lines"} if lines and (below or not is_lines(url)) else {})
                     | ({"objects": "each"} if below else {}))  # fmt: skip
    return _made(text | {"delimiter": spoken.delimiter or _delimiter(start)})


def typed(table: Table, window: str) -> str | None:
    """What to type after `headgate peek` for the source of a table, its `window` by the label; None where it reads none such."""
    source = table.source
    words = []
    if isinstance(source, PostgresSource | MysqlSource):
        if len(source.query) > _LONGEST_TYPED:
            return None
        words = [f"connection:{source.connection}", "--query", " ".join(source.query.split())]
    elif source.address is not None and source.kind in ("csv", "json", "parquet"):
        address = source.address
        if source.has_objects and window != "source" and len(window) < _SHORTENED and quote(window) == window:
            # An object is called by its name.
            address += window
        words = [f"connection:{source.connection}{address}" if source.connection else address]
        if isinstance(source, CsvSource):
            words += ["--delimiter", source.delimiter] if source.delimiter != "," else []
            words += ["--encoding", source.encoding] if source.encoding != "utf-8" else []
        if isinstance(source, JsonSource) and source.records:
            words += ["--records", source.records]
        if source.is_templated and table.window is not None:
            words += ["--window", window]
            words += ["--every", table.window.every] if table.window.every != "day" else []
    return shlex.join(words) or None


def with_source(next_command: str, table: Table, window: str) -> str:
    """A next command with the source of a table in the place of SOURCE."""
    if table.window is None and not table.source.has_objects:
        # There is one address, and it was typed by whoever declared it.
        next_command = next_command.replace(
            NO_SUCH_WINDOW, f"is source.url right? if so, ask the source's owner; then: headgate run {table.table}"
        )
    source = typed(table, window)
    if source is None:
        return re.sub(r"headgate peek SOURCE( --\S+ \S+)?", f"headgate plan {table.table} --source", next_command)
    return next_command.replace("headgate peek SOURCE", f"headgate peek {source}")


def connection_of(source: str) -> str | None:
    """The name of the connection that is typed, if any."""
    return _parts(source)[0]


def holds_secret(source: Source) -> bool:
    """Whether the address itself has a password or a token in it: it must not be written into a declaration."""
    url = source.address or ""
    return "://" in url and address.holds_secret(url)


def _check_there(source: str) -> None:
    """Refuse a path where nothing is: it was typed just now, so its source isn't to blame."""
    path = Path(source)
    if "://" in source or "{" in source or re.search(r"[*?\[]", source) or os.path.lexists(source):
        return
    beside = [entry.name for entry in os.scandir(path.parent)] if path.parent.is_dir() else []
    near = nearest(path.name, beside)
    hint = f"; did you mean {path.with_name(near)}?" if near else ""
    raise _wrong(f"there is no file {source} here{hint}")


def _parts(source: str) -> tuple[str | None, str]:
    if source.startswith("connection:"):
        name, slash, path = source.removeprefix("connection:").partition("/")
        return name, slash + path
    if re.match(r"[a-z][a-z0-9+]*://", source):
        return None, source
    if re.search(r"[*?\[]", re.sub(r"\{[^{}]*\}", "", source)) and not os.path.lexists(source):
        # Left as it is: the declaration says what is read instead of a pattern.
        return None, f"file://{source}"
    # Placeholders of windows stay as they are; everything else is escaped as an address needs it.
    pieces = re.split(r"(\{[^{}]*\})", os.path.abspath(source))  # noqa: PTH100 - links stay as they were typed
    if source.endswith("/"):
        pieces.append("/")
    return None, "file://" + "".join(piece if piece.startswith("{") else quote(piece) for piece in pieces)


def _database(spoken: Spoken, name: str, path: str, kind: str) -> Source:
    quote = MysqlSource.quote if kind == "mysql" else PostgresSource.quote
    if path:
        raise _wrong(
            f"connection '{name}' is a database: say --table {path.lstrip('/') or 'NAME'} or --query \"SELECT ...\""
        )
    if (spoken.query is None) == (spoken.table is None):
        raise _wrong(f"connection '{name}' is a database: say either --table NAME or --query \"SELECT ...\"")
    query = spoken.query
    if spoken.table is not None:
        query = all_columns([word.strip(quote) for word in spoken.table.split(".")], quote)
    return _made({"kind": kind, "connection": name, "query": query})


def all_columns(name: Sequence[str], quote: str) -> str:
    """The SELECT of all columns of a table; `name`: its schema, where there is one, and its own."""
    # A word by itself may be one of SQL's own: `SELECT * FROM user` is answered with who is logged in.
    quoted = [
        word
        if len(name) > 1 and re.fullmatch(r"[a-z_][a-z0-9_]*", word)
        else quote + word.replace(quote, 2 * quote) + quote
        for word in name
    ]
    return f"SELECT * FROM {'.'.join(quoted)}"


def database(name: str, settings: Settings) -> PostgresSource | MysqlSource:
    """The database behind a connection, with the query of all its tables. DeclarationError when the connection isn't one."""
    scheme = settings.connection(name).partition("://")[0]
    kind = next((kind for kind in (PostgresSource, MysqlSource) if scheme in kind.schemes), None)
    if kind is None:
        raise _wrong(f"connection '{name}' isn't a database, whose tables could be listed")
    return kind(kind=get_args(kind.model_fields["kind"].annotation)[0], connection=name, query=kind.all_tables)


def tables_of(name: str, settings: Settings) -> list[tuple[str, str]]:
    """Schema and name of each table and view that the login of a database may see, in order."""
    with closing(open_declared(database(name, settings), settings, Span(None, "UTC"))) as reader:
        text = b"".join(reader.chunks()).decode()
    return sorted((schema, table) for schema, table in list(csv.reader(text.splitlines()))[1:])


def _start(source: Source, settings: Settings, span: Span) -> str:
    """The first line or so of the text at the address."""
    chunks = open_declared(source, settings, span).chunks()
    start = b""
    for piece in chunks:
        start += piece
        if b"\n" in start or len(start) > 65_536:
            break
    getattr(chunks, "close", lambda: None)()
    return start[:65_536].decode("utf-8", errors="replace")


def _one_file(text: dict[str, object], settings: Settings, span: Span) -> Source:
    """The source itself, or the first file of a folder."""
    source = _made(text)
    reader = open_declared(source, settings, span)
    return (
        _made(text | {"url": f"{source.address}{reader.first_file()}"}) if isinstance(reader, FolderReader) else source
    )


def _delimiter(start: str) -> str:
    """What separates the names of the header best, text in quotes aside."""
    line = re.sub(r'"[^"]*"', "", start.partition("\n")[0])
    return max(_DELIMITERS, key=lambda character: (line.count(character), character == ","))


def _made(content: dict[str, object]) -> Source:
    try:
        source: Source = _ADAPTER.validate_python({k: v for k, v in content.items() if v is not None})
    except ValidationError as error:
        told = "; ".join(str(item["msg"]).removeprefix("Value error, ") for item in error.errors())
        raise _wrong(told) from None
    return source


def _wrong(message: str) -> DeclarationError:
    return DeclarationError(message, code="SOURCE", next_command="headgate peek --help")
