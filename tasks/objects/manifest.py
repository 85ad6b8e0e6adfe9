"""The manifest: exactly which objects a COPY loads, with what each must hold. Its JSON is Redshift's own format.

`entries` is what Redshift reads; the rest is ours and ignored there. A manifest is written last: where one stands, the
parts before it are complete.
"""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from typing import Any, Literal

from tasks.objects.packing import Codec

Form = Literal["csv", "json", "parquet"]
NAME = "manifest.json"


@dataclass(frozen=True, slots=True)
class Part:
    """One staged object: CSV without header, packed as the manifest says. `crlf`: a value in it holds CR LF."""

    number: int
    key: str
    rows: int
    bytes: int
    sha256: str
    crlf: bool = False


@dataclass(frozen=True, slots=True)
class Manifest:
    """What one attempt staged."""

    key: str
    delimiter: str
    null_marker: str
    parts: tuple[Part, ...]
    parts_base: str | None = None
    codec: Codec = "zstd"
    header_lines: int = 0
    form: Form = "csv"
    """What the parts are; json: a record on each line."""

    @property
    def in_place(self) -> bool:
        """Whether the parts are the producer's own objects, below `parts_base`; their rows are not known."""
        return self.parts_base is not None

    @property
    def rows(self) -> int:
        return sum(part.rows for part in self.parts)

    @property
    def size_bytes(self) -> int:
        return sum(part.bytes for part in self.parts)

    def to_bytes(self, base_url: str) -> bytes:
        base_url = self.parts_base or base_url
        base_url = base_url if base_url.endswith("/") else f"{base_url}/"
        entries = [
            {"url": f"{base_url}{part.key}", "mandatory": True, "meta": {"content_length": part.bytes}}
            for part in self.parts
        ]
        parts = [asdict(part) for part in self.parts]
        ours = {
            "delimiter": self.delimiter, "null_marker": self.null_marker, "parts": parts,
            "parts_base": self.parts_base, "codec": self.codec, "header_lines": self.header_lines,
            "form": self.form,
        }  # fmt: skip
        return json.dumps({"entries": entries, "headgate": ours}, indent=1).encode()

    @classmethod
    def from_bytes(cls, key: str, data: bytes) -> Manifest:
        ours: dict[str, Any] = json.loads(data)["headgate"]
        parts = tuple(Part(**part) for part in ours["parts"])
        return cls(
            key=key, delimiter=ours["delimiter"], null_marker=ours["null_marker"], parts=parts,
            parts_base=ours.get("parts_base"), codec=ours.get("codec", "zstd"),
            header_lines=ours.get("header_lines", 0), form=ours.get("form", "csv"),
        )  # fmt: skip
