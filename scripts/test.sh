#!/usr/bin/env bash
# Linters, types and every test, in the environment that the quickstart shares.
# Arguments go to pytest.
source "$(dirname "${BASH_SOURCE[0]}")/environment.sh"
install "[dev]"
.venv/bin/ruff check .
.venv/bin/ruff format --check .
.venv/bin/mypy
.venv/bin/lint-imports
.venv/bin/pytest "$@"
