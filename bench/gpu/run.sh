#!/bin/sh
# Checks and measures the engine on the CUDA device of this machine: JSON lines in $OUT/gpu.jsonl, within five minutes.
# Installs nothing from a network. Wheels of what the machine's Python lacks (msgspec) may lie in .whl/, for that Python.
set -u
cd "$(dirname "$0")/../.." || exit 1
PYTHON=${PYTHON:-python3}
OUT=${OUT:-.cache/bench-gpu}
mkdir -p "$OUT"
SITE=""
if ls .whl/*.whl >/dev/null 2>&1; then
    SITE=$(mktemp -d)
    "$PYTHON" -m pip install -q --no-index --no-deps --no-compile --no-cache-dir --target "$SITE" .whl/*.whl || exit 1
fi
export PYTHONPATH="$PWD:$PWD/platform:$SITE" PYTHONUNBUFFERED=1 HF_HUB_OFFLINE=1
exec "$PYTHON" -m bench.gpu --out "$OUT/gpu.jsonl" --budget "${BUDGET:-285}"
