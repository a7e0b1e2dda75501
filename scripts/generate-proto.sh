#!/bin/sh
# Regenerates gobgp_trio/api/pb from proto/api/*.proto.
#
#   scripts/generate-proto.sh          write the generated code
#   scripts/generate-proto.sh --check  write nothing; exit 1 when the checked-in code differs
#
# protoc comes with grpcio-tools and the plugin with betterproto[compiler], both pinned in
# scripts/requirements-dev.txt: no protoc of the system is used, and the output is the same
# everywhere.  PYTHON chooses another interpreter than the project's .venv.
set -eu

root=$(cd "$(dirname "$0")/.." && pwd)
cd "$root"
output=gobgp_trio/api/pb
python=${PYTHON:-$root/.venv/bin/python}

fail() {
    echo "error: $*" >&2
    exit 1
}

case "${1:-}" in
    "") mode=write ;;
    --check) mode=check ;;
    *) fail "wanted no argument or --check, found $1" ;;
esac

has_tools() {
    "$python" -c 'import grpc_tools.protoc, betterproto.plugin.compiler' >/dev/null 2>&1
}

if [ ! -x "$python" ]; then
    [ -z "${PYTHON:-}" ] || fail "PYTHON is $PYTHON, which cannot be run"
    echo "making .venv"
    python3 -m venv .venv || fail "python3 -m venv failed (Debian: apt install python3-venv)"
fi
if ! has_tools; then
    echo "installing grpcio-tools and betterproto[compiler] as pinned"
    "$python" -m pip install --quiet --requirement scripts/requirements-dev.txt ||
        fail "cannot install scripts/requirements-dev.txt into $python"
    has_tools || fail "grpcio-tools or betterproto[compiler] cannot be imported by $python"
fi

fresh=$(mktemp -d)
trap 'rm -rf "$fresh"' EXIT INT TERM
# protoc starts the plugin as a program; this one needs no PATH and no console script.
printf '#!/bin/sh\nexec "%s" -m betterproto.plugin\n' "$python" >"$fresh/plugin"
chmod +x "$fresh/plugin"
mkdir "$fresh/pb"
"$python" -m grpc_tools.protoc --proto_path=proto \
    --plugin=protoc-gen-python_betterproto="$fresh/plugin" \
    --python_betterproto_out="$fresh/pb" \
    proto/api/*.proto 2>"$fresh/messages" || {
    cat "$fresh/messages" >&2
    fail "protoc failed; $output was not touched"
}
grep -v '^Writing ' "$fresh/messages" >&2 || true
"$python" -W error -c 'import sys; sys.path.insert(0, sys.argv[1]); import api' "$fresh/pb" ||
    fail "the generated code cannot be imported; $output was not touched"
find "$fresh/pb" -name __pycache__ -prune -exec rm -rf {} +

if [ "$mode" = check ]; then
    diff -ru --exclude=__pycache__ "$output" "$fresh/pb" >"$fresh/diff" 2>&1 || {
        head -n 40 "$fresh/diff" >&2
        fail "$output is not what proto/ gives; run scripts/generate-proto.sh and commit the result"
    }
    echo "ok: $output is current"
    exit 0
fi
rm -rf "$output"
cp -r "$fresh/pb" "$output"
echo "ok: wrote $output from $(ls proto/api/*.proto | wc -l) files"
