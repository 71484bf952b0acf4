# make explore   set up once, then open the app on the bundled circuits
# make test      set up once (a browser too), then every check and every test
# make clean     remove what the two above made
#
# The set-up runs again only when pyproject.toml or constraints.txt changes.
# Tests run torch on one thread: sums then come out the same to the last digit, and no slower. Two
# processes share them; ARGS="-n 0" runs them in one, as a debugger needs.
# PYTHON=/path/to/python names the Python to use; ARGS="--port 8502" goes to hagd or pytest.

BIN := .venv/bin

.PHONY: explore test check setup clean
.SILENT:

explore: .venv/.ready
	exec $(BIN)/hagd explore $(ARGS)

setup: .venv/.ready

.venv/.ready: pyproject.toml constraints.txt
	PYTHON="$(PYTHON)" sh .ci/setup.sh

test: check
	CHROMIUM="$$($(BIN)/python .ci/browser.py --install)" && export CHROMIUM && \
	  HAGD_BROWSER=required OMP_NUM_THREADS=1 OMP_WAIT_POLICY=passive $(BIN)/python -m pytest -q -n 2 $(ARGS)

check: .venv/.ready
	$(BIN)/ruff check .
	$(BIN)/ruff format --check --quiet . || { echo "Run: $(BIN)/ruff format ." >&2; exit 1; }
	$(BIN)/lint-imports --no-logo
	PYRIGHT_PYTHON_IGNORE_WARNINGS=1 $(BIN)/pyright

clean:
	rm -rf .venv build *.egg-info .pytest_cache .ruff_cache .import_linter_cache test-results
	find . -name __pycache__ -type d -prune -exec rm -rf {} +
