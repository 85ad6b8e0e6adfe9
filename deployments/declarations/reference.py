"""Every key of every declaration, as pages for people and as JSON Schema for editors, from the models themselves.

`python -m deployments.declarations.reference docs/reference` writes them (`make docs`).
"""

from __future__ import annotations

import json
import re
import sys
from pathlib import Path
from types import NoneType, UnionType
from typing import Annotated, Any, Literal, Union, get_args, get_origin

from pydantic import BaseModel
from pydantic.fields import FieldInfo
from pydantic_core import PydanticUndefined

from deployments.declarations.connections import Connections
from deployments.declarations.defaults import Defaults
from deployments.declarations.metrics import Consumers, Metrics
from deployments.declarations.model import Declared
from deployments.declarations.oncall import OnCall
from deployments.declarations.places import models_in
from deployments.declarations.provisioning import Provisioning
from deployments.declarations.suite import Suite
from deployments.declarations.summary import Summary
from deployments.declarations.summary_cases import Cases
from deployments.declarations.table import Table

PAGES: dict[str, type[Declared]] = {
    "table": Table, "suite": Suite, "summary": Summary, "cases": Cases, "defaults": Defaults, "metrics": Metrics,
    "consumers": Consumers, "connections": Connections, "oncall": OnCall, "warehouse": Provisioning,
}  # fmt: skip
_WORDS = {
    str: "text", int: "whole number", float: "number", bool: "true or false", Any: "anything", NoneType: "null",
}  # fmt: skip


def files() -> dict[str, str]:
    """What belongs into `docs/reference`, by file name."""
    found = {f"{name}.md": _page(name, model) for name, model in PAGES.items()}
    for name, model in PAGES.items():
        schema = model.model_json_schema(by_alias=True)
        if name == "summary":
            # The SELECT stands below the header.
            del schema["properties"]["sql"]
            schema["required"].remove("sql")
        found[f"{name}.schema.json"] = json.dumps(schema, indent=1, ensure_ascii=False) + "\n"
    return found


def models(root: type[BaseModel]) -> dict[str, type[BaseModel]]:
    """A model and those inside it, by name, each after the one that holds it."""
    found = {root.__name__: root}
    todo = [root]
    while todo:
        for info in todo.pop(0).model_fields.values():
            for inside in models_in(info.annotation):
                if inside.__name__ not in found:
                    found[inside.__name__] = inside
                    todo.append(inside)
    return found


def _page(name: str, model: type[Declared]) -> str:
    lines = [
        "# Keys of " + re.sub(r"\S+\.\w+", r"`\g<0>`", model.stands_in), "",
        f"Written by `make docs` from the declarations' own models; editors complete and check with `{name}.schema.json`.", "",
    ]  # fmt: skip
    for title, inside in models(model).items():
        lines += [f"## {title}", "", " ".join((inside.__doc__ or "").split()), ""]
        lines += ["| key | value | without it | meaning |", "|---|---|---|---|"]
        lines += [_row(key, info) for key, info in inside.model_fields.items() if (title, key) != ("Summary", "sql")]
        lines.append("")
    return "\n".join(lines)


def _row(name: str, info: FieldInfo) -> str:
    if info.is_required():
        default = "must be given"
    else:
        value = info.get_default(call_default_factory=True, validated_data={})
        default = _default(value)
    meaning = info.description or ""
    return f"| `{info.alias or name}` | {_value(info.annotation)} | {default} | {_cell(meaning)} |"


def _default(value: object) -> str:
    if value is None or value is PydanticUndefined or value in ((), {}):
        return "-"
    if isinstance(value, BaseModel):
        return "as below"
    if isinstance(value, tuple):
        return ", ".join(f"`{item}`" for item in value)
    return f"`{str(value).lower() if isinstance(value, bool) else value}`"


def _value(annotation: Any) -> str:
    origin, parts = get_origin(annotation), get_args(annotation)
    if origin is Annotated:
        return _value(parts[0])
    if origin is Literal:
        return " · ".join(f"`{part}`" for part in parts)
    if origin in (Union, UnionType):
        return " or ".join(dict.fromkeys(_value(part) for part in parts if part is not NoneType))
    if origin is tuple:
        return f"list of {_value(parts[0])}"
    if origin is dict:
        return f"mapping of {_value(parts[0])} to {_value(parts[1])}"
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return f"[{annotation.__name__}](#{annotation.__name__.lower()})"
    return _WORDS.get(annotation, str(getattr(annotation, "__name__", annotation)))


def _cell(text: str) -> str:
    return text.replace("|", "\\|")


if __name__ == "__main__":
    folder = Path(sys.argv[1])
    folder.mkdir(parents=True, exist_ok=True)
    for file_name, content in files().items():
        (folder / file_name).write_text(content, encoding="utf-8")
