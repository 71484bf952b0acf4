"""The library without the engine: the same heads as the engine reads, and no heavy import."""

import subprocess
import sys

from core.bundle import list_bundles
from explorer import engine
from explorer.library.gallery import shelf
from explorer.library.heads import read_heads
from tests.pages.tiny_store import write_store


def test_heads_are_those_that_the_engine_reads(tmp_path):
    results = write_store(tmp_path) / "results"
    light, full = read_heads([results]), list_bundles(results)
    sound = [info for info in full if not info.error]
    assert shelf([head for head in light if not head.error], {}) == shelf(sound, {})
    assert {head.name for head in light if head.error} == {i.name for i in full if i.error}


def test_a_folder_that_is_not_there_holds_nothing(tmp_path):
    assert read_heads([tmp_path / "nowhere"]) == ()


def test_the_library_imports_no_engine():
    check = (
        "import sys, explorer.library.page; "
        "heavy = {'torch', 'transformers', 'scipy'} & set(sys.modules); "
        "sys.exit(', '.join(heavy) or 0)"
    )
    done = subprocess.run([sys.executable, "-W", "ignore", "-c", check], capture_output=True)
    assert done.returncode == 0, done.stderr.decode()[-500:]


def test_the_engine_is_ready_once_it_has_been_waited_for():
    engine.wait()
    assert engine.ready()
    engine.start()
    engine.wait()
