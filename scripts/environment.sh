# Sourced by the other scripts: .venv in the checkout, made once, with everything pinned.
# PYTHON names the interpreter to start from (3.10 or newer).
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

# install EXTRAS: brings .venv to the state that the pins, the embedded models and EXTRAS ask for.
install() {
  local extras="$1" python="${PYTHON:-python3}" wanted
  wanted="$(cat pyproject.toml constraints.txt requirements-embedded.txt | sha256sum | cut -c1-64)"
  if [ -f ".venv/.installed$extras" ] && [ "$(cat ".venv/.installed$extras")" = "$wanted" ]; then
    return
  fi
  "$python" -c 'import sys; sys.exit(sys.version_info < (3, 10))' || {
    echo "Python 3.10 or newer is needed; set PYTHON to one." >&2
    exit 2
  }
  [ -x .venv/bin/python ] || "$python" -m venv .venv
  echo "Installing into .venv (once, a few minutes) ..." >&2
  # The pip of an older Python takes twice as long over the same packages.
  pip_install pip==26.3
  # torch first and alone, so that nothing else chooses its build.
  pip_install -c constraints.txt torch
  pip_install -c constraints.txt -e ".$extras"
  pip_install --no-deps --require-hashes -r requirements-embedded.txt
  printf '%s' "$wanted" > ".venv/.installed$extras"
}

# Not compiled beforehand: most modules are never imported, the others are compiled when they are.
# What the build of an editable install has to say to its author is left out.
pip_install() {
  PYTHONWARNINGS=ignore .venv/bin/python -m pip --quiet --disable-pip-version-check install --no-compile "$@"
}
