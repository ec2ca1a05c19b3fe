#!/bin/sh
# Writes constraints.txt: one version of every package of every extra, for every platform.
# It asks the public index alone, so that no local build ("2.13.0+cpu") is written down, and leaves
# out what a CUDA build of torch pins by itself. torch and torchvision stay what they are, because a newer release may
# not be had as a small CPU build: edit their lines to move them.
set -eu
cd "$(dirname "$0")/.."
grep -E '^torch(vision)?==' constraints.txt > constraints.kept
UV_FIND_LINKS="" UV_PYTHON_DOWNLOADS=never .venv/bin/uv pip compile --universal --python-version 3.11 \
    --upgrade --all-extras --no-header --no-annotate --quiet --constraints constraints.kept pyproject.toml > constraints.new
{
    echo "# The versions that the tests run on. Written by \`make constraints\`."
    grep -Ev '^(nvidia-|cuda-|triton|unseen)' constraints.new
} > constraints.txt
rm constraints.new constraints.kept
