"""Resources of the dlt package: found by their name, told their arguments, and run with a state of ours.

dlt's own pipelines, destinations, folders and files of secrets play no part. Its configuration has one provider, which holds what
a declaration names; so nothing of a machine's environment, or of a `.dlt` folder, decides what is loaded.
"""

from __future__ import annotations

import copy
import importlib
import inspect
import sys
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from deployments.declarations.dlt_source import REST_API, at_path
from deployments.errors import DeclarationError

_REST_API = "dlt.sources.rest_api:rest_api_source"
_importing = threading.Lock()
_configured: dict[str, Any] = {}
"""What the provider holds: paths of `dlt.secrets`, as deep as they are declared."""


def start() -> None:
    """Import dlt and give it the one provider. DeclarationError when it isn't installed."""
    try:
        import dlt  # noqa: F401
        from dlt.common.configuration.container import Container
        from dlt.common.configuration.providers import CustomLoaderDocProvider
        from dlt.common.configuration.specs.pluggable_run_context import PluggableRunContext
    except ModuleNotFoundError as error:
        if error.name is None or error.name.partition(".")[0] != "dlt":
            raise
        raise DeclarationError(
            "a source of kind dlt needs the dlt package, which isn't installed here", code="NO-DLT",
            next_command="pip install 'headgate[dlt]'   (on every worker)",
        ) from None  # fmt: skip
    with _importing:
        providers = Container()[PluggableRunContext].providers
        if [provider.name for provider in providers.providers] != ["headgate"]:
            _configured.setdefault("runtime", {"dlthub_telemetry": False, "log_level": "ERROR"})
            providers.providers = [CustomLoaderDocProvider("headgate", lambda: _configured)]


def found(resource: str, project: Path) -> Any:
    """The function (or resource) of a name, installed or below the project's folder. DeclarationError when there is none."""
    module, _, name = (_REST_API if resource == REST_API else resource).partition(":")
    with _importing, _on_path(project):
        try:
            at = importlib.import_module(module)
        except ModuleNotFoundError as error:
            if error.name is None or not f"{module}.".startswith(f"{error.name}."):
                raise _not_found(resource, f"needs the module {error.name}, which isn't installed here") from None
            raise _not_found(resource, f"there is no module {error.name}, neither installed nor in {project}") from None
        except Exception as error:
            raise _not_found(resource, f"can't be imported: {type(error).__name__}: {error}") from error
    try:
        return getattr(at, name)
    except AttributeError:
        raise _not_found(resource, f"the module {module} has no {name}") from None


def called(function: Any, resource: str, arguments: Mapping[str, Any], secrets: Mapping[str, str]) -> Any:
    """What the function gives for its arguments: a dlt source or resource. Secrets that are no arguments go to `dlt.secrets`."""
    given = copy.deepcopy(dict(arguments))
    names = None if resource == REST_API else _parameters(function)
    for path, value in secrets.items():
        first = path.partition(".")[0]
        own = names is None or first in names or first in given
        _put(given if own else _configured, path, value, resource)
    if resource == REST_API:
        return function(config=given)
    if names is not None and (unknown := sorted(given.keys() - names.keys())) and not _takes_any(names):
        raise _not_found(resource, f"has no argument {', '.join(unknown)}; it has: {', '.join(names) or 'none'}")
    bound = getattr(function, "args_bound", False) and not given
    return function(**given) if callable(function) and not bound else function


def chosen(made: Any, resource: str, name: str | None) -> Any:
    """The one resource that is read, as dlt iterates it."""
    from dlt.extract import DltResource, DltSource

    if isinstance(made, DltSource):
        names = list(made.selected_resources)
        if name is None and len(names) != 1:
            raise _not_found(resource, f"gives several resources; source.name says which: {', '.join(names)}")
        if name is not None and name not in made.resources:
            raise _not_found(resource, f"has no resource '{name}'; it has: {', '.join(made.resources)}")
        return made.with_resources(name or names[0])
    if not isinstance(made, DltResource):
        if not isinstance(made, Iterator | list):
            raise _not_found(resource, f"gives {type(made).__name__}, neither a dlt source nor a resource")
        import dlt

        made = dlt.resource(made, name=name or resource.rpartition(":")[2])
    if name not in (None, made.name):
        raise _not_found(resource, f"is the resource '{made.name}', not '{name}'")
    return made


@contextmanager
def items_of(resource: Any, state: dict[str, Any]) -> Iterator[Iterator[Any]]:
    """What the resource gives, one item after the other; `state` is changed as it goes."""
    from dlt.common.configuration.container import Container
    from dlt.common.pipeline import StateInjectableContext

    with Container().injectable_context(StateInjectableContext(state=state)):  # type: ignore[arg-type]
        items = iter(resource)
    try:
        yield items
    finally:
        items.close()


def read_state(text: str) -> dict[str, Any]:
    """A state as dlt has it, of what `written_state` made."""
    from dlt.common.json import json

    return dict(json.typed_loads(text))


def written_state(state: Mapping[str, Any]) -> str:
    """A state as text: the same for the same state, with the types of what it holds."""
    from dlt.common.json import json

    return str(json.typed_dumps(_sorted(state)))


def _sorted(value: Any) -> Any:
    """The same with keys in their order. Lists too, where they are of hashes: dlt makes them of sets."""
    if isinstance(value, Mapping):
        found = {name: _sorted(value[name]) for name in sorted(value)}
        if isinstance(found.get("unique_hashes"), list):
            found["unique_hashes"] = sorted(found["unique_hashes"])
        return found
    return [_sorted(item) for item in value] if isinstance(value, list) else value


def _parameters(function: Any) -> Mapping[str, inspect.Parameter] | None:
    """The parameters of a function, also of one that dlt has wrapped; None where that can't be told."""
    try:
        wrapped = getattr(function, "_f", None) or getattr(getattr(function, "_pipe", None), "gen", None)
        return inspect.signature(wrapped if callable(wrapped) else function).parameters
    except (TypeError, ValueError):
        return None


def _takes_any(names: Mapping[str, inspect.Parameter]) -> bool:
    return any(parameter.kind is parameter.VAR_KEYWORD for parameter in names.values())


def _put(into: dict[str, Any], path: str, value: str, resource: str) -> None:
    *above, last = path.split(".")
    node = at_path(into, ".".join(above)) if above else into
    if node is None and not any(part.isdecimal() for part in above):
        node = into
        for part in above:
            node = node.setdefault(part, {})
    if isinstance(node, list) and last.isdecimal() and int(last) < len(node):
        node[int(last)] = value
    elif isinstance(node, dict):
        node[last] = value
    else:
        raise _not_found(resource, f"has no place for the secret {path} in its arguments")


@contextmanager
def _on_path(project: Path) -> Iterator[None]:
    """Behind everything that is installed: a module of the project never takes the place of another one."""
    sys.path.append(str(project))
    try:
        yield
    finally:
        sys.path.remove(str(project))


def _not_found(resource: str, why: str) -> DeclarationError:
    return DeclarationError(
        f"source.resource {resource} {why}", code="DLT-RESOURCE",
        next_command="mend source.resource, its name, arguments or secrets in the declaration; headgate check --connect",
    )  # fmt: skip
