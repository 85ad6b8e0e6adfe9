"""Settings: the environment wins over .env, mistakes are told by name, and no value that may be a secret is ever shown."""

from __future__ import annotations

from pathlib import Path

import pytest

from deployments.errors import DeclarationError
from deployments.project import SHOP
from deployments.settings import Settings, read_settings


def read(folder: Path, dotenv: str = "", **environment: str) -> Settings:
    (folder / ".env").write_text(dotenv)
    return read_settings({f"HEADGATE_{name}": value for name, value in environment.items()}, folder)


def test_with_nothing_set_the_shop_is_loaded_into_the_local_stack(tmp_path: Path) -> None:
    settings = read(tmp_path)
    assert (settings.project, settings.state) == (SHOP, tmp_path / ".headgate")
    assert (settings.is_shop, settings.embedded, settings.dialect) == (True, True, "postgresql")


def test_a_folder_with_tables_is_the_project(tmp_path: Path) -> None:
    (tmp_path / "tables").mkdir()
    assert read(tmp_path).project == tmp_path
    assert read(tmp_path, PROJECT=str(SHOP)).project == SHOP


@pytest.mark.parametrize(("line", "value"), [
    ("HEADGATE_LANGUAGE=ko", "ko"), ("export HEADGATE_LANGUAGE=ko", "ko"), ("HEADGATE_LANGUAGE = ko ", "ko"),
    ("HEADGATE_LANGUAGE='ko'", "ko"), ('HEADGATE_LANGUAGE="k\'o"', "k'o"), ("HEADGATE_LANGUAGE=k'o'", "k'o'"),
    ("HEADGATE_LANGUAGE=a=b#c", "a=b#c"), ("# HEADGATE_LANGUAGE=ko", "en"), ("HEADGATE_LANGUAGE", "en"),
    ("HEADGATE_LANGUAGE=", "en"),
    ("HEADGATE_LANGUAGE='", "'"),
])  # fmt: skip
def test_lines_of_dotenv(tmp_path: Path, line: str, value: str) -> None:
    assert read(tmp_path, f"\n{line}\nOTHER=1\n").language == value
    assert read(tmp_path, line, LANGUAGE="fr").language == "fr"


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


def test_nothing_secret_is_in_the_text_of_the_settings(tmp_path: Path) -> None:
    settings = read(
        tmp_path, WAREHOUSE_URL="redshift://me:hidden@h/d", PII_KEY="hidden", CONNECTION_A="x://hidden", NOTIFY_B="hidden",
        STAGE_URL="s3://bucket",
    )  # fmt: skip
    assert "hidden" not in repr(settings)
    assert settings.dialect == "redshift"
