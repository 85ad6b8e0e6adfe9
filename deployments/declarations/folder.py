"""Read every declaration of a folder, and collect every mistake of every file: none hides another one."""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial as bound
from pathlib import Path

from deployments.declarations.connections import NAME, Connections, connection_faults
from deployments.declarations.defaults import Defaults, completed
from deployments.declarations.metric_rules import consumer_faults
from deployments.declarations.metrics import Consumer, Consumers, Metric, Metrics, with_metrics
from deployments.declarations.oncall import OnCall
from deployments.declarations.parsing import Model, parse, plain
from deployments.declarations.partial import known, sound_part
from deployments.declarations.problems import Fault, Problem, nearest_table
from deployments.declarations.project_rules import (
    ANY_SCHEMA,
    Declared,
    is_declared,
    project_faults,
    provisioning_faults,
    schema_faults,
)
from deployments.declarations.provisioning import Provisioning
from deployments.declarations.rule_faults import QUERY
from deployments.declarations.rules import table_faults
from deployments.declarations.suite import Suite, check_suite
from deployments.declarations.summary import SqlPlace, Summary, read_summary
from deployments.declarations.summary_rules import in_text, summary_faults
from deployments.declarations.table import Table
from deployments.declarations.yaml_source import Document, key_of, line_of, own_keys, read_yaml
from deployments.rota import rota_faults

_TARGET = re.compile(r"^(?:table|target):\s*['\"]?([a-z_0-9]+\.[a-z_0-9]+)", re.MULTILINE)


@dataclass(frozen=True, slots=True)
class Place:
    """Where a declaration stands: its file, its values, and the line of the file they begin at. `shared`: where what the
    file itself doesn't say stands. `sql`: where the SELECT of a summary does."""

    file: Path
    content: object
    first_line: int = 1
    shared: Place | None = None
    sql: SqlPlace | None = None


@dataclass
class Folder:
    """What could be read, and what is wrong. `whole` and `built` hold what is sound of every table and summary, in
    part where it is wrong; the other mappings hold only what is right by itself.
    """

    problems: list[Problem] = field(default_factory=list)
    tables: dict[str, Table] = field(default_factory=dict)
    suites: dict[str, Suite] = field(default_factory=dict)
    summaries: dict[str, Summary] = field(default_factory=dict)
    files: dict[str, Path] = field(default_factory=dict)
    suite_files: dict[str, Path] = field(default_factory=dict)
    oncall: OnCall | None = None
    provisioning: Provisioning | None = None
    metrics: dict[str, Metric] = field(default_factory=dict)
    consumers: dict[str, Consumer] = field(default_factory=dict)
    names: set[str] = field(default_factory=set)
    whole: dict[str, Table] = field(default_factory=dict)
    built: dict[str, Summary] = field(default_factory=dict)
    places: dict[str, Place] = field(default_factory=dict)
    variables: set[str] = field(default_factory=set)
    """Names of the environment that declarations were filled in with."""

    def read(self, file: Path) -> Document | None:
        """The values of a YAML file, if it can be read."""
        content = read_yaml(file, self.problems)
        self.variables |= set() if content is None else content.variables
        return content


def read_folder(folder: Path) -> Folder:
    """Everything in `tables/`, `summaries/`, `suites/`, and in the files that are the whole project's."""
    found = Folder()
    known_metrics = _metrics(found, folder / "metrics.yaml")
    shared = _defaults(found, folder / "defaults.yaml")
    for file in yaml_files(folder / "tables"):
        _table(found, file, shared)
    for file in sorted((folder / "summaries").glob("*.sql")):
        _summary(found, file)
    rights = _provisioning(found, folder / "warehouse.yaml")
    declared = Declared(found.whole, found.built, found.names, rights, known_metrics)
    # Who names a target by its right schema must not be told that it isn't declared.
    mistyped = [name for name in found.names if any(True for _ in known([bound(schema_faults, name, "", declared)]))]
    found.names.update(ANY_SCHEMA + name.partition(".")[2] for name in mistyped)
    for file in yaml_files(folder / "suites"):
        _suite(found, file)
    for name, fault in project_faults(declared):
        found.problems.append(told_at(found.places[name], fault))
    consumers, _ = _project_file(
        found, folder / "consumers.yaml", Consumers,
        lambda whole: consumer_faults(whole, found.whole, found.built, found.names),
    )  # fmt: skip
    found.consumers = {} if consumers is None else dict(consumers.consumers)
    _project_file(found, folder / NAME, Connections, lambda whole: connection_faults(whole, found.whole))
    rota, is_right = _project_file(found, folder / "oncall.yaml", OnCall, rota_faults)
    found.oncall = rota if is_right else None
    return found


def yaml_files(folder: Path) -> Sequence[Path]:
    return sorted([*folder.glob("*.yaml"), *folder.glob("*.yml")])


def _defaults(found: Folder, file: Path) -> Place | None:
    content = found.read(file) if file.exists() else None
    if content is None:
        return None
    parse(Defaults, content, file, found.problems)
    # What is wrong is told once, here, and what is right still holds.
    sound = {key: value for key, value in content.items() if parse(Defaults, {key: value}, file, []) is not None}
    return Place(file, content.of(sound))


def _table(found: Folder, file: Path, shared: Place | None) -> None:
    content = found.read(file)
    if content is None:
        found.names.add(_guessed(file))
        return
    place = Place(file, content, shared=shared)
    if shared is not None and isinstance(shared.content, Document):
        content = completed(content, shared.content)
    table = parse(Table, content, file, found.problems)
    whole = table if table is not None else sound_part(Table, plain(content))
    found.problems.extend(told_at(place, fault) for fault in table_faults(whole))
    name = _name(found, content.get("table"), place)
    if name is not None:
        found.whole[name] = whole
        if table is not None:
            found.tables[name] = table


def _summary(found: Folder, file: Path) -> None:
    read = read_summary(file, found.problems)
    found.variables |= set() if read is None else read.header.variables
    if read is None:
        found.names.add(_guessed(file))
        return
    place = Place(file, read.header, read.header_line, sql=read.where)
    whole = read.summary if read.summary is not None else sound_part(Summary, plain(read.header))
    found.problems.extend(told_at(place, fault) for fault in known([lambda: summary_faults(whole, read.select)]))
    name = _name(found, read.header.get("target"), place)
    if name is not None:
        found.built[name] = whole
        if read.summary is not None:
            found.summaries[name] = with_metrics(read.summary, found.metrics)


def _name(found: Folder, name: object, place: Place) -> str | None:
    """Take down the name of a target; None when it is none, or another file has it."""
    if not isinstance(name, str) or (written := _TARGET.match(f"table: {name}")) is None or written[1] != name:
        # Whoever names the target by its right name must not be told that it isn't declared.
        found.names.update({ANY_SCHEMA + place.file.stem, ANY_SCHEMA + str(name).rpartition(".")[2]})
        return None
    if name in found.files:
        told = f"'{name}' is declared in {found.files[name].name} already"
        found.problems.append(Problem(place.file, 1, "table", told, allowed="one file for each table"))
        return None
    found.names.add(name)
    found.files[name], found.places[name] = place.file, place
    return name


def _guessed(file: Path) -> str:
    """What a file that can't be read seems to declare."""
    match = _TARGET.search(file.read_text(encoding="utf-8", errors="replace")) if file.is_file() else None
    return match[1] if match else ANY_SCHEMA + file.stem


def _provisioning(found: Folder, file: Path) -> Provisioning | None:
    """Who may do what, as far as it can be read; what is right as a whole goes into `found`."""
    content = found.read(file) if file.exists() else None
    if content is None:
        return None
    found.provisioning = parse(Provisioning, content, file, found.problems)
    whole = found.provisioning if found.provisioning is not None else sound_part(Provisioning, plain(content))
    faults = known([lambda: provisioning_faults(whole, found.names)])
    found.problems.extend(told_at(Place(file, content), fault) for fault in faults)
    return whole


def _metrics(found: Folder, file: Path) -> Mapping[str, Metric]:
    """Every metric that is declared, what is wrong with one as far as it can be known."""
    content = found.read(file) if file.exists() else None
    if content is None:
        return {}
    metrics = parse(Metrics, content, file, found.problems)
    found.metrics = {} if metrics is None else dict(metrics.metrics)
    whole = metrics if metrics is not None else sound_part(Metrics, plain(content))
    return dict(known([lambda: whole.metrics.items()]))


def _project_file(
    found: Folder, file: Path, model: type[Model], faults: Callable[[Model], Iterable[Fault]]
) -> tuple[Model | None, bool]:
    """A file of the whole project that may be absent: its values where they can be read, and whether nothing is wrong with
    them. `faults`: what is wrong with them beside their types, asked of what is sound of a file that is wrong in part."""
    content = found.read(file) if file.exists() else None
    if content is None:
        return None, False
    parsed = parse(model, content, file, found.problems)
    whole = parsed if parsed is not None else sound_part(model, plain(content))
    told = [told_at(Place(file, content), fault) for fault in known([lambda: faults(whole)])]
    found.problems.extend(told)
    return parsed, parsed is not None and not told


def _suite(found: Folder, file: Path) -> None:
    content = found.read(file)
    if content is None:
        return
    place = Place(file, content)
    suite = parse(Suite, content, file, found.problems)
    name = content.get("table")
    if not isinstance(name, str):
        return
    if name in found.suite_files:
        told = f"'{name}' is declared in {found.suite_files[name].name} already"
        found.problems.append(
            Problem(file, line_of(content, ("table",)), "table", told, allowed="one file for each table")
        )
        return
    found.suite_files[name] = file
    whole = suite if suite is not None else sound_part(Suite, plain(content))
    found.problems.extend(told_at(place, fault) for fault in known([lambda: _suite_faults(found, name, whole)]))
    if suite is not None and name in found.tables:
        found.suites[suite.table] = suite


def _suite_faults(found: Folder, name: str, suite: Suite) -> Iterator[Fault]:
    table = found.whole.get(name)
    if table is None:
        if not is_declared(name, found.names) or name in found.built:
            where = " (a summary's checks stand in its own header)" if name in found.built else ""
            listing = ", ".join(sorted(found.whole)) or "none is declared"
            yield Fault(
                ("table",), f"'{name}' isn't a declared table{where}", listing, nearest_table(name, found.whole)
            )
        return
    yield from known([lambda: _nothing_set_aside(table, suite), lambda: _queries(suite, found.names)])
    yield from (
        Fault(path, message)
        for path, message in check_suite(suite, [column.name for column in table.columns], table.hashed)
    )


def _nothing_set_aside(table: Table, suite: Suite) -> Iterator[Fault]:
    for position, rule in enumerate(suite.expectations):
        if table.load.stage == "in_place" and rule.rows is not None:
            yield Fault(
                ("expectations", position, "rows"),
                "in_place sets no rows aside: bad ones are found on the candidate and stop the batch",
                "no rows, or load.stage: parts",
            )


def _queries(suite: Suite, names: Collection[str]) -> Iterator[Fault]:
    """SQL of rules: as in a summary one SELECT that only reads, of the table itself and of what is declared."""
    for position, query in suite.queries():
        from deployments.declarations.select import read_select

        path = ("expectations", position, "kwargs", QUERY)
        select, faults = read_select(query, makes_table=False)
        yield from in_text(path, query, faults)
        for read in select.reads if select is not None else ():
            if read.table != suite.table and not is_declared(read.table, names):
                others = sorted(name for name in names if not name.startswith(ANY_SCHEMA))
                told = f"reads {read.table}, which isn't declared"
                yield Fault(path, told, ", ".join(others), nearest_table(read.table, others))


def told_at(place: Place, fault: Fault) -> Problem:
    """A fault with its file and line, and its column where it stands in SQL."""
    if fault.start is not None and place.sql is not None:
        row, column = place.sql.of(fault.start)
        return Problem(
            place.file, row, "sql", fault.message, allowed=fault.allowed, nearest=fault.nearest, column=column
        )
    shared = place.shared
    if shared is not None and fault.path and fault.path[0] not in own_keys(place.content):
        place = shared if fault.path[0] in own_keys(shared.content) else place
    line = line_of(place.content, fault.path, place.first_line)
    key = key_of(place.content, fault.path)
    return Problem(place.file, line, key, fault.message, allowed=fault.allowed, nearest=fault.nearest)
