"""`headgate settings`: every setting there is, and which are set here."""

from __future__ import annotations

import os
import re
from pathlib import Path

import click

from deployments import dotenv_file
from deployments.declared_settings import SETTINGS, Setting, setting_of
from flows.cli.console import print_json, told

_LINK = re.compile(r" \(\[[^]]*\]\([^)]*\)\)")


@click.command()
@click.option("--set", "only_set", is_flag=True, help="Only those that are set.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def settings(only_set: bool, as_json: bool) -> None:
    """List the settings: what they mean, what holds without them, and which are set here. No secret is shown.

    Each is an environment variable, or a line of `.env` in the current folder; the environment wins.
    """
    from deployments.settings import read_settings

    found = [item for setting in SETTINGS for item in _listed(setting) if item["value"] or not only_set]
    if as_json:
        print_json(found)
    else:
        for item in found:
            _tell(item)
    # Listed first: who looks for a mistyped name sees the right one above the mistake.
    read_settings()


def _listed(setting: Setting) -> list[dict[str, str]]:
    names = [name for name in sorted(os.environ) if os.environ[name] and _is(setting, name)]
    of_file = dotenv_file.read(Path.cwd() / dotenv_file.NAME)
    about = {"kind": setting.kind, "meaning": setting.meaning, "default": setting.said_default}
    return [
        {"setting": name, "value": _shown(setting, os.environ[name]),
         "from": ".env" if of_file.get(name) == os.environ[name] else "environment", **about}
        for name in names
    ] or [{"setting": setting.variable, "value": "", "from": "", **about}]  # fmt: skip


def _shown(setting: Setting, value: str) -> str:
    # Behind an address that is no secret by itself, keys may stand.
    return "(secret)" if setting.secret else value.partition("?")[0] if setting.kind == "address" else value


def _is(setting: Setting, variable: str) -> bool:
    found = setting_of(variable)
    return found is not None and found[0] is setting


def _tell(item: dict[str, str]) -> None:
    without = f"default {item['default']}" if item["default"] else "not set"
    said = f"= {item['value']}   ({item['from']})" if item["value"] else without
    click.echo(click.style(item["setting"], bold=True) + f"  {said}")
    told(_LINK.sub("", item["meaning"]), "    ")
