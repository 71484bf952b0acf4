"""A circuit before the engine: the network drawn last, from a file that follows the circuit."""

import json

from explorer import engine
from explorer.library import preview
from explorer.session import resources


def kept(store) -> list:
    return sorted((resources.store().layout.root / "drawings").glob("*.json"))


def test_a_drawing_is_kept_once_and_is_what_the_canvas_reads(store):
    preview.keep("tiny")
    (file,) = kept(store)
    before = file.stat().st_mtime_ns
    preview.keep("tiny")
    assert [path.stat().st_mtime_ns for path in kept(store)] == [before]
    data = json.loads(file.read_text("utf-8"))
    assert {"nodes", "edges", "size"} <= set(data["graph"])
    assert data["scene"]["tree"]["children"]
    file.unlink()


def test_nothing_is_drawn_of_what_was_never_drawn(store):
    assert not preview.draw("tiny")
    assert not preview.draw("no such circuit")


def test_a_damaged_drawing_is_not_drawn(store):
    preview.keep("tiny")
    (file,) = kept(store)
    file.write_text("{", "utf-8")
    assert not preview.draw("tiny")
    file.unlink()


def test_what_follows_the_engine_is_called_once_and_may_fail(monkeypatch):
    called = []
    monkeypatch.setattr(engine, "_thread", None)
    monkeypatch.setattr(engine, "ready", lambda: bool(called))

    def fails() -> None:
        raise RuntimeError("no")

    thread = engine.threading.Thread(target=lambda: called.append("imported"))
    thread.start()
    engine._after(thread, lambda: called.append("then"))
    engine._after(thread, fails)
    assert called == ["imported", "then"]


def test_a_circuit_without_a_drawing_gets_one(store):
    assert kept(store) == []
    assert preview.prepare("tiny")
    (file,) = kept(store)
    assert json.loads(file.read_text("utf-8"))["graph"]["nodes"]
    file.unlink()
    assert not preview.prepare("no such circuit")
    assert kept(store) == []
