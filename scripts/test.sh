#!/usr/bin/env bash
# Linters, types and every test, in the environment that the quickstart shares.
# Arguments go to pytest.
source "$(dirname "${BASH_SOURCE[0]}")/environment.sh"
install "[dev]"
.venv/bin/ruff check .
.venv/bin/ruff format --check .
.venv/bin/lint-imports
# Types take one core, and the tests would wait for them with all others.
types="$(mktemp)"
.venv/bin/mypy >"$types" 2>&1 &
checker=$!
trap 'rm -f "$types"; kill "$checker" 2>/dev/null || true' EXIT
# A worker a core, and one thread a worker: the models in the tests are too small to share cores.
# Tests start many processes, and without bytecode each would compile all that it imports.
unset PYTHONDONTWRITEBYTECODE
export OMP_NUM_THREADS=1 TOKENIZERS_PARALLELISM=false
code=0
.venv/bin/pytest -n auto --dist worksteal "$@" || code=$?
wait "$checker" || code=1
cat "$types"
exit "$code"
