"""The app before the engine: the library imports none of it; waiting for it makes it ready."""

import subprocess
import sys

import pytest

from explorer import engine


@pytest.mark.parametrize("module", ["explorer.library.page", "core.bundle.listing"])
def test_the_library_imports_no_engine(module: str):
    check = (
        f"import sys, {module}; "
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
