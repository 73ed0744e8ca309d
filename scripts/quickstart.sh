#!/usr/bin/env bash
# From a fresh checkout to a dataset: environment, a small build, ten pairs.
# Run again, it has nothing left to do. Arguments go to `dimsum build`.
source "$(dirname "${BASH_SOURCE[0]}")/environment.sh"
install ""
exec .venv/bin/dimsum build embedded --output runs/quickstart "$@"
