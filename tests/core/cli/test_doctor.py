"""`hagd doctor`: sound or not, and what to do."""

import sqlite3
from pathlib import Path

import pytest

from core.cli import assets_check
from core.cli.browser import find_browser
from core.store import Record, open_store
from core.transcoders import save_transcoders
from tests.core.cli.conftest import Hagd
from tests.tiny import tiny_model, tiny_transcoders


def damage(root: Path) -> None:
    with open_store(root) as store:
        store.put("good", Record(data=1), kind="t", provenance={})
        store.put("bad", Record(data=2), kind="t", provenance={})
    with sqlite3.connect(root / "index" / "cache.db") as db:
        db.execute("UPDATE Cache SET value = x'00' WHERE key = 'bad'")
    db.close()


def test_sound_installation(hagd: Hagd, monkeypatch: pytest.MonkeyPatch) -> None:
    ran = hagd("doctor", "--json")
    assert (ran.code, ran.json["ok"], ran.json["problems"]) == (0, True, [])
    assert ran.json["versions"]["torch"].startswith("2.13.0")
    assert {part["kind"] for part in ran.json["assets"]} >= {"model", "task"}
    monkeypatch.setattr(assets_check, "check_assets", lambda: ran.json["assets"])
    text = hagd("doctor")
    assert f"{len(ran.json['assets'])} of {len(ran.json['assets'])} sound" in text.out
    assert "Everything is sound." in text.out


@pytest.mark.usefixtures("assets_sound")
def test_damaged_entry_is_found_and_repaired(hagd: Hagd, tmp_path: Path) -> None:
    damage(tmp_path / "store")
    ran = hagd("doctor", "--json")
    assert (ran.code, ran.json["ok"]) == (1, False)
    assert "Stored entry bad is damaged" in ran.json["problems"][0]
    repaired = hagd("doctor", "--repair", "--json")
    assert (repaired.code, repaired.json["store"]["removed"]) == (0, ["bad"])
    assert repaired.json["store"]["entries"] == 1


@pytest.mark.usefixtures("assets_sound")
def test_a_trained_dictionary_with_a_flipped_byte_is_found(hagd: Hagd, tmp_path: Path) -> None:
    hagd("doctor")  # makes the store
    place = tmp_path / "store" / "transcoders" / "x"
    folder = save_transcoders(tiny_transcoders(tiny_model("gpt2")), place)
    assert hagd("doctor").code == 0
    layer = folder / "layer_0.safetensors"
    data = bytearray(layer.read_bytes())
    data[-3] ^= 1
    layer.write_bytes(bytes(data))
    ran = hagd("doctor", "--json")
    assert ran.code == 1
    assert "their weights are not the ones that were written" in ran.json["problems"][0]


@pytest.mark.usefixtures("assets_sound")
def test_default_store_that_can_not_be_used_is_a_problem_a_named_one_bad_input(
    hagd: Hagd, tmp_path: Path
) -> None:
    (tmp_path / "store").write_text("a file")
    ran = hagd("doctor", "--json")
    assert ran.code == 1
    assert "it is a file" in ran.json["problems"][0]
    assert "it is a file" in hagd("doctor", "--store", tmp_path / "store").refused()


def test_damaged_model_folder_is_found(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = tmp_path / "models" / "cut"
    folder.mkdir(parents=True)
    (folder / "config.json").write_text("{}")
    (folder / "tokenizer.json").write_text("{}")
    (folder / "model.safetensors").write_bytes(b"\x08\0\0\0\0\0\0\0{}")
    for place in ("MODELS", "TRANSCODERS", "CIRCUITS"):
        monkeypatch.setattr(assets_check, place, tmp_path / place.lower())
    (row,) = [row for row in assets_check.check_assets() if row["kind"] == "model"]
    assert "It is damaged" in row["error"]


def test_browser_named_by_the_environment_comes_first(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    browser = tmp_path / "chromium"
    browser.write_text("#!/bin/sh\n")
    browser.chmod(0o755)
    monkeypatch.setenv("CHROMIUM", str(browser))
    assert find_browser() == str(browser)
    monkeypatch.delenv("CHROMIUM")
    monkeypatch.setenv("PATH", str(tmp_path))
    assert find_browser() == str(browser)


def test_playwrights_own_browser_comes_last(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("CHROMIUM", raising=False)
    monkeypatch.setenv("PATH", "")
    monkeypatch.setattr("core.cli.browser.MAC", ())
    monkeypatch.setenv("PLAYWRIGHT_BROWSERS_PATH", str(tmp_path))
    assert find_browser() is None
    chrome = tmp_path / "chromium-1200" / "chrome-linux" / "chrome"
    chrome.parent.mkdir(parents=True)
    chrome.touch()
    assert find_browser() == str(chrome)
