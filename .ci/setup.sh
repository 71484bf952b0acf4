#!/bin/sh
# Makes .venv and installs what pyproject.toml and constraints.txt name. Safe to run again.
set -eu
cd "$(dirname "$0")/.."
python=${PYTHON:-$(sh .ci/find_python.sh)}
if ! .venv/bin/python -c '' 2>/dev/null; then
    echo "Setting up .venv with $python: a few minutes and several GB, once." >&2
    "$python" -m venv --clear .venv || {
        echo "$python could not make a virtual environment; its venv module is required." \
            "On Debian or Ubuntu: apt-get install python3-venv" >&2
        exit 1
    }
fi
if ! .venv/bin/python -c 'import sys; sys.exit(sys.version_info < (3, 11))'; then
    echo "$(.venv/bin/python --version) is too old; HAGD Explorer needs Python 3.11 or newer." \
        "Run: make clean, then make explore PYTHON=/path/to/python3.11" >&2
    exit 1
fi
.venv/bin/python -m pip install -qq --disable-pip-version-check \
    --constraint constraints.txt --editable '.[dev]' || {
    echo "Installing failed; pip says why above. Check the connection and run make again:" \
        "it goes on where it stopped." >&2
    exit 1
}
touch .venv/.ready
