#!/bin/sh
# environment.sh FOLDER [EXTRA,EXTRA…]: a virtual environment in FOLDER with this project (editable)
# and the named extras, in the versions of constraints.txt (or $CONSTRAINTS). Needs a python3 (or $PYTHON) only.
# Run again, it adds what is missing.
set -eu
cd "$(dirname "$0")/.."
folder=$1
project=.${2:+[$2]}
constraints=${CONSTRAINTS:-constraints.txt}
started=$(date +%s)

if [ ! -x "$folder/bin/python" ]; then
    "${PYTHON:-python3}" -m venv "$folder" || {
        echo "No virtual environment without Python's venv and ensurepip modules (Debian: python3-venv)." >&2
        exit 1
    }
fi
python=$folder/bin/python

setting() { "$python" -m pip config get "global.$1" 2>/dev/null || true; }
commas() { echo $* | tr ' ' ','; }

# uv installs ten times faster than pip, and comes from pip. It does not read pip's settings: hand
# over where pip looks for packages and how it chooses, so that both take the same build of torch.
if [ -x "$folder/bin/uv" ] || "$python" -m pip install -qq --disable-pip-version-check uv; then
    links=${UV_FIND_LINKS-$(commas ${PIP_FIND_LINKS-$(setting find-links)})}
    extra=${UV_INDEX-$(commas ${PIP_EXTRA_INDEX_URL-$(setting extra-index-url)})}
    index=${UV_DEFAULT_INDEX-${PIP_INDEX_URL-$(setting index-url)}}
    [ -z "$links" ] || export UV_FIND_LINKS="$links"
    [ -z "$extra" ] || export UV_INDEX="$extra" UV_INDEX_STRATEGY=unsafe-best-match
    [ -z "$index" ] || export UV_DEFAULT_INDEX="$index"
    UV_PYTHON_DOWNLOADS=never "$folder/bin/uv" pip install --python "$python" \
        --constraints "$constraints" --editable "$project"
else
    echo "uv cannot be had here: going on with pip, which takes some minutes." >&2
    "$python" -m pip install --disable-pip-version-check --constraint "$constraints" --editable "$project"
fi

"$python" - "$folder" "$(($(date +%s) - started))" <<'EOF'
import sys
from importlib.metadata import version

print(f"{sys.argv[1]} is ready in {sys.argv[2]} s, with torch {version('torch')}", flush=True)
EOF
