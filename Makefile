# make explore   set up once, then open the app on the bundled circuits
# make test      set up once (a browser too), then every check and test
# make clean     remove what the two above made
#
# The set-up is keyed on pyproject.toml and constraints.txt: it runs again only when one changes.

VENV   := .venv
PY     := $(VENV)/bin/python
STAMP  := $(VENV)/.ready
PYTHON ?= $(shell sh .ci/find_python.sh)
HAGD   := $(VENV)/bin/hagd
ARGS   ?=

.PHONY: explore test check setup browser clean
.SILENT:

explore: $(STAMP)
	exec $(HAGD) explore $(ARGS)

setup: $(STAMP)

$(STAMP): pyproject.toml constraints.txt
	test -n "$(PYTHON)" || { sh .ci/find_python.sh >/dev/null; exit 1; }
	echo "Setting up $(VENV) with $(PYTHON): a few minutes and about 2 GB, once."
	test -x $(PY) || "$(PYTHON)" -m venv $(VENV) || { \
	  echo "Could not make a virtual environment. On Debian or Ubuntu: apt-get install python3-venv" >&2; exit 1; }
	$(PY) -m pip install --quiet --disable-pip-version-check -c constraints.txt -e '.[dev]'
	touch $@

browser: $(STAMP)
	$(PY) .ci/browser.py --install

test: $(STAMP) check
	CHROMIUM="$$($(PY) .ci/browser.py --install)" && export CHROMIUM && \
	  HAGD_BROWSER=required OMP_WAIT_POLICY=passive $(PY) -m pytest -q $(ARGS)

check: $(STAMP)
	$(VENV)/bin/ruff check .
	$(VENV)/bin/ruff format --check --quiet .
	$(VENV)/bin/lint-imports --no-logo
	PYRIGHT_PYTHON_IGNORE_WARNINGS=1 $(VENV)/bin/pyright core explorer

clean:
	rm -rf $(VENV) build *.egg-info .pytest_cache .ruff_cache .import_linter_cache test-results
	find . -name __pycache__ -type d -prune -exec rm -rf {} +
