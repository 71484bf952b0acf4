"""Pages run against a small store on disk and nothing else."""

import json
from pathlib import Path

import pytest
import streamlit as st
from streamlit.testing.v1 import AppTest

from explorer import engine
from explorer.session.resources import circuits
from tests.pages.tiny_store import write_store

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture(scope="session")
def written(tmp_path_factory) -> Path:
    """The store, made once."""
    return write_store(tmp_path_factory.mktemp("pages"))


@pytest.fixture
def store(written, monkeypatch, tmp_path) -> Path:
    """The store as the only source of circuits, with empty caches."""
    return _use(written, monkeypatch, tmp_path)


@pytest.fixture
def empty_store(monkeypatch, tmp_path) -> Path:
    """A store that holds nothing."""
    (tmp_path / "empty").mkdir()
    return _use(tmp_path / "empty", monkeypatch, tmp_path)


def _use(root: Path, monkeypatch, tmp_path: Path) -> Path:
    monkeypatch.setenv("HAGD_STORE", str(root))
    monkeypatch.setattr(circuits, "CIRCUITS", tmp_path / "nothing-bundled")
    st.cache_resource.clear()
    engine.wait()
    return root


@pytest.fixture
def open_page():
    """Open a page of the app as a browser would, with the parameters of a link."""

    def open_page(name: str, **parameters: str) -> AppTest:
        app = AppTest.from_file(str(ROOT / "pages" / f"{name}.py"), default_timeout=60)
        app.query_params.update({key: [value] for key, value in parameters.items()})
        return app.run()

    return open_page


def html(app: AppTest) -> str:
    """Everything the page wrote as HTML or text, in order."""
    parts = []
    for element in app.main:
        for name in ("html", "body", "value"):
            text = getattr(getattr(element, "proto", None), name, None)
            if isinstance(text, str):
                parts.append(text)
    return "\n".join(parts)


def component(app: AppTest, key: str) -> dict:
    """What a browser component was given."""
    found = [e.proto for e in app.get("bidi_component") if e.proto.id.endswith(f"-{key}")]
    assert found, f"no component {key}"
    return json.loads(found[0].json)


def press(app: AppTest, label: str) -> AppTest:
    """Press the button with this label."""
    next(button for button in app.button if button.label == label).click()
    return app.run()


def chart(app: AppTest, key: str) -> dict:
    """The figure of a Plotly chart."""
    found = [e.proto for e in app.get("plotly_chart") if e.proto.id.endswith(f"-{key}")]
    assert found, f"no chart {key}"
    return json.loads(found[0].spec)
