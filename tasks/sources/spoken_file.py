"""A source as a file of its own (`source:` in YAML, also a table's): what has more to say than fits a command line."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pydantic import ConfigDict

from deployments.declarations.model import Declared
from deployments.declarations.parsing import parse
from deployments.declarations.problems import Problem
from deployments.declarations.sources import Source
from deployments.declarations.yaml_source import read_yaml
from deployments.errors import DeclarationError
from tasks.sources.protocol import OpenSource

ENDINGS = (".yaml", ".yml")


class _File(Declared):
    """What of a file says where rows come from."""

    model_config = ConfigDict(extra="ignore")
    source: Source


def declared_in(file: Path) -> Source:
    """The source that a file declares. DeclarationError with every mistake in it."""
    problems: list[Problem] = []
    data = read_yaml(file, problems)
    found = None if data is None else parse(_File, data, file, problems)
    if found is None or problems:
        raise DeclarationError(
            f"{file} declares no source", listing=[str(problem) for problem in problems], code="SOURCE",
            next_command="mend the file (source: {kind: rest, url: ...}); headgate peek --help",
        )  # fmt: skip
    return found.source


@dataclass
class FirstPage:
    """A reader of an API that asks for no more than its first page (of a resource of dlt: its first block of records)."""

    reader: OpenSource
    is_cut: bool = False
    """Whether there may be more."""

    def __getattr__(self, name: str) -> Any:
        return getattr(self.reader, name)

    def chunks(self) -> Iterator[bytes]:
        """The header, and the records of one page."""
        pieces = iter(self.reader.chunks())
        try:
            for number, piece in enumerate(pieces):
                yield piece
                if number == 1:
                    self.is_cut = True
                    return
        finally:
            getattr(pieces, "close", lambda: None)()
