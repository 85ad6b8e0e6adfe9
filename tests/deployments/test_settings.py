"""Settings: the environment wins over .env, mistakes are told by name, and no value that may be a secret is ever shown."""

from __future__ import annotations

import os
from dataclasses import fields
from pathlib import Path

import pytest

from deployments import dotenv_file
from deployments.declared_settings import SETTINGS, mistyped
from deployments.errors import DeclarationError
from deployments.project import SHOP, load_project
from deployments.settings import Settings, read_settings


def read(folder: Path, dotenv: str | bytes = "", **environment: str) -> Settings:
    (folder / ".env").write_bytes(dotenv if isinstance(dotenv, bytes) else dotenv.encode())
    return read_settings({f"HEADGATE_{name}": value for name, value in environment.items()}, folder)


def test_every_declared_setting_is_a_field_with_its_default_or_is_read_where_it_is_used() -> None:
    given = {item.name: item for item in fields(Settings)}
    for setting in SETTINGS:
        if setting.family or setting.of_process or setting.name in ("PROJECT", "STATE"):
            continue
        expected = None if setting.default is None else setting.read(setting.default)
        assert given[setting.name.lower()].default == expected
        assert not setting.secret or not given[setting.name.lower()].repr


def test_a_folder_is_the_project_and_never_the_example_by_default(tmp_path: Path) -> None:
    settings = read(tmp_path)
    assert (settings.project, settings.state) == (tmp_path, tmp_path / ".headgate")
    assert (settings.is_shop, settings.embedded, settings.dialect) == (False, True, "postgresql")
    with pytest.raises(DeclarationError, match="isn't a headgate project") as refused:
        load_project(settings.project)
    assert refused.value.code == "NO-PROJECT"


@pytest.mark.parametrize(("given", "expected"), [
    ("shop", SHOP), (str(SHOP), SHOP), ("mine", "mine"), ("./shop", "shop"), ("absent", "absent"),
])  # fmt: skip
def test_a_project_is_asked_for_by_folder_and_the_example_by_name(
    tmp_path: Path, given: str, expected: Path | str
) -> None:
    assert read(tmp_path, PROJECT=given).project == tmp_path / expected


def test_the_name_of_the_example_is_refused_where_a_project_is_called_so(tmp_path: Path) -> None:
    (tmp_path / "shop" / "tables").mkdir(parents=True)
    with pytest.raises(DeclarationError, match=r"write \./shop"):
        read(tmp_path, PROJECT="shop")
    assert read(tmp_path, PROJECT="./shop").project == tmp_path / "shop"


def test_the_example_has_a_state_of_its_own_where_a_project_is(tmp_path: Path) -> None:
    assert read(tmp_path, PROJECT="shop").state == tmp_path / ".headgate"
    (tmp_path / "tables").mkdir()
    assert read(tmp_path).state == tmp_path / ".headgate"
    assert read(tmp_path, PROJECT="shop").state == tmp_path / ".headgate" / "shop"


def test_below_a_project_the_way_into_it_is_told(tmp_path: Path) -> None:
    (tmp_path / "tables" / "more").mkdir(parents=True)
    with pytest.raises(DeclarationError) as refused:
        load_project(tmp_path / "tables" / "more")
    assert refused.value.next_command == f"cd {tmp_path}"


LINES = {
    "plain": ("HEADGATE_USER=ko", "ko"), "export": ("export HEADGATE_USER=ko", "ko"),
    "blanks": ("HEADGATE_USER = ko ", "ko"), "remark": ("HEADGATE_USER=ko # the one", "ko"),
    "no remark": ("HEADGATE_USER=a=b#c", "a=b#c"), "single": ("HEADGATE_USER='k # o' # x", "k # o"),
    "double": ('HEADGATE_USER="k\'o"', "k'o"), "inside": ("HEADGATE_USER=k'o'", "k'o'"),
    "dollar": ("HEADGATE_USER=p${HOME}$x", "p${HOME}$x"), "backslash": ("HEADGATE_USER='a\\nb'", "a\\nb"),
    "lines": ('HEADGATE_USER="one\ntwo"', "one\ntwo"), "crlf": ("X=1\r\nHEADGATE_USER=ko\r\n", "ko"),
    "bom": ("\ufeffHEADGATE_USER=ko", "ko"), "commented": ("# HEADGATE_USER=ko", None),
    "no value": ("HEADGATE_USER=", ""), "only a name": ("HEADGATE_USER", None), "url": (
        "HEADGATE_USER=postgresql://u:p%23w@h/d?sslmode=require", "postgresql://u:p%23w@h/d?sslmode=require"),
}  # fmt: skip


@pytest.mark.parametrize("which", LINES)
def test_lines_of_dotenv(tmp_path: Path, which: str) -> None:
    line, value = LINES[which]
    (tmp_path / ".env").write_bytes(line.encode())
    assert dotenv_file.read(tmp_path / ".env").get("HEADGATE_USER") == value


@pytest.mark.parametrize(("text", "words"), [
    ("A=1\nB='hidden\n", "line 2 isn't NAME=value"), ("hidden hidden", "line 1"), ("=hidden", "line 1"), ("A=hid\0den", "line 1"),
    ("A=hidden".encode("utf-16"), "isn't text in UTF-8"), (b"A=\xff", "isn't text in UTF-8"),
])  # fmt: skip
def test_what_cannot_be_read_is_refused_with_its_place_and_without_its_text(
    tmp_path: Path, text: str | bytes, words: str
) -> None:
    with pytest.raises(DeclarationError, match=words) as refused:
        read(tmp_path, text)
    assert "hidden" not in str(refused.value)


def test_the_process_and_all_it_starts_have_what_the_file_says_and_the_environment_wins(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    names = ("PREFECT_API_URL", "AWS_ENDPOINT_URL_S3", "HEADGATE_STAGE_URL")
    (tmp_path / ".env").write_text("".join(f"{name}=s3://of-the-file # x\n" for name in names))
    for name in names:
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("AWS_ENDPOINT_URL_S3", "http://given")
    assert read_settings(folder=tmp_path).stage_url == "s3://of-the-file"
    assert [os.environ[name] for name in names] == ["s3://of-the-file", "http://given", "s3://of-the-file"]


def test_connections_are_named_in_lower_case_and_empty_ones_are_not_set(tmp_path: Path) -> None:
    settings = read(tmp_path, "HEADGATE_CONNECTION_SHOP=postgresql://a", CONNECTION_CRM="https://b", CONNECTION_OLD="")
    assert settings.connections == {"shop": "postgresql://a", "crm": "https://b"}
    assert settings.connection("crm") == "https://b"


def test_an_absent_connection_names_its_setting_and_the_nearest(tmp_path: Path) -> None:
    with pytest.raises(DeclarationError, match="HEADGATE_CONNECTION_SHPO is not set; did you mean 'shop'") as caught:
        read(tmp_path, CONNECTION_SHOP="postgresql://me:hidden@h/d").connection("shpo")
    assert caught.value.code == "NO-CONNECTION"
    assert "hidden" not in str(caught.value)


MISTAKES = {
    "HEADGATE_WAREHOUSE_URL must start with": {"WAREHOUSE_URL": "mysql://me:hidden@h/d"},
    "HEADGATE_STAGE_URL must start with": {"STAGE_URL": "/hidden"},
    "HEADGATE_REPORT_URL must start with": {"REPORT_URL": "https://hidden"},
    "HEADGATE_SHORT_PII_KEY must be one of": {"SHORT_PII_KEY": "hidden"},
    "HEADGATE_KEEP_DAYS must be a whole number of days, 1 or more": {"KEEP_DAYS": "0"},
    "HEADGATE_QUARANTINE_DAYS must be a whole number of days": {"QUARANTINE_DAYS": "hidden"},
    "HEADGATE_HISTORY_DAYS must be 30 days or more, or 0: for good": {"HISTORY_DAYS": "29"},
    "HEADGATE_DASK must be 'local' or the address of a scheduler": {"DASK": "hidden"},
    "HEADGATE_STATEMENT_TIMEOUT_SECONDS must be a whole number": {"STATEMENT_TIMEOUT_SECONDS": "hidden"},
    "HEADGATE_WAREHOUSE_ULR is not a known setting; did you mean 'HEADGATE_WAREHOUSE_URL'": {"WAREHOUSE_ULR": "hidden"},
    "HEADGATE_STAGEURL is not a known setting; did you mean 'HEADGATE_STAGE_URL'": {"STAGEURL": "hidden"},
}


@pytest.mark.parametrize("words", MISTAKES)
def test_a_wrong_setting_is_told_by_name_and_not_by_value(tmp_path: Path, words: str) -> None:
    with pytest.raises(DeclarationError) as caught:
        read(tmp_path, **MISTAKES[words])
    assert words in str(caught.value)
    assert caught.value.code == "SETTING"
    assert "hidden" not in str(caught.value) + repr(caught.value.facts)


@pytest.mark.parametrize(("variable", "meant"), {
    "HEADGATE_KEEP_DAY": "HEADGATE_KEEP_DAYS", "HEADGATE_WAREHOUSE": "HEADGATE_WAREHOUSE_URL",
    "HEADGATE_CONECTION_CRM": "HEADGATE_CONNECTION_CRM", "HEADGATE_CONNECTIONS_CRM": "HEADGATE_CONNECTION_CRM",
    "HEADGATE_NOTIFICATION_OPS": "HEADGATE_NOTIFY_OPS", "HEADGATE_NOTIFY": "HEADGATE_NOTIFY_<NAME>",
    "HEADGAT_STAGE_URL": "HEADGATE_STAGE_URL", "HAEDGATE_PII_KEY": "HEADGATE_PII_KEY",
    "HEADGATE__STAGE_URL": "HEADGATE_STAGE_URL", "HEADGATE-STAGE-URL": "HEADGATE_STAGE_URL",
    "headgate_stage_url": "HEADGATE_STAGE_URL", "HEADGATESTAGE_URL": "HEADGATE_STAGE_URL", "HEADGATE_COLOUR": "",
}.items())  # fmt: skip
def test_a_mistyped_name_is_refused_with_what_was_meant(variable: str, meant: str) -> None:
    assert mistyped(["PATH", variable]) == (variable, meant)


@pytest.mark.parametrize("variable", [
    "PATH", "HEADGATEWAY_STATE_FILE", "HOME", "HEADGATE_TEST_STAGE_URL", "HEADGATE_KILL_AT", "HEADGATE_CONNECTION_X_Y",
    "HEADGATE_SERVICE_HOST", "HEADGATE_PORT", "HEADGATE_PORT_4200_TCP_ADDR", "HEADGATE_SERVER_SERVICE_PORT_HTTP",
    *(item.variable.replace("<NAME>", "X") for item in SETTINGS),
])  # fmt: skip
def test_other_names_are_left_alone(variable: str) -> None:
    assert mistyped([variable]) is None


def test_nothing_secret_is_in_the_text_of_the_settings(tmp_path: Path) -> None:
    settings = read(
        tmp_path, WAREHOUSE_URL="redshift://me:hidden@h/d", PII_KEY="hidden", CONNECTION_A="x://hidden", NOTIFY_B="hidden",
        STAGE_URL="s3://bucket",
    )  # fmt: skip
    assert "hidden" not in repr(settings)
    assert settings.dialect == "redshift"


@pytest.mark.parametrize(("key", "more", "code"), [
    (None, {}, "NO-PII-KEY"), ("a", {}, "SHORT-KEY"), ("k" * 31, {}, "SHORT-KEY"), ("k" * 31, {"SHORT_PII_KEY": "yes"}, None),
    ("k" * 32, {}, None),
])  # fmt: skip
def test_a_key_that_can_be_guessed_hashes_nothing_unless_it_is_asked_for(
    tmp_path: Path, key: str | None, more: dict[str, str], code: str | None
) -> None:
    settings = read(tmp_path, **({} if key is None else {"PII_KEY": key}), **more)
    if code is None:
        assert settings.hashing_key("shop.people") == str(key).encode()
        return
    with pytest.raises(DeclarationError) as refused:
        settings.hashing_key("shop.people")
    assert refused.value.code == code
