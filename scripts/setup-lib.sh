# Sourced by the commands in this folder: makes a bare Debian machine able to run them.
#
#   setup_packages WORD...   the Debian packages that this command needs
#   setup_venv KIND          .venv with the pinned versions; KIND is runtime or dev
#
# Rules: quick when everything is there; as root missing packages are installed, otherwise one
# message names all of them and the command ends with status 4; no daemon that a package brings is
# started; nothing outside the checkout is written but by apt.

project=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
setup_missing_status=4
unset PYTHONHOME PYTHONPATH VIRTUAL_ENV
export PIP_DISABLE_PIP_VERSION_CHECK=1 PIP_ROOT_USER_ACTION=ignore PIP_NO_INPUT=1
PATH=$PATH:/usr/sbin:/sbin

find_python() { # prints the system's Python: the newest is not better, the system's own comes first
    local candidate
    for candidate in /usr/bin/python3 /usr/bin/python3.1[1-9] python3; do
        candidate=$(command -v "$candidate") || continue
        if "$candidate" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null; then
            printf '%s\n' "$candidate"
            return 0
        fi
    done
    return 1
}

package_present() { # by what it is for, so that other distributions pass as well
    local python
    case $1 in
    python3) find_python >/dev/null ;;
    python3-venv) python=$(find_python) && "$python" -c 'import ensurepip, venv' 2>/dev/null ;;
    iproute2) command -v ip >/dev/null ;;
    util-linux) command -v unshare >/dev/null && command -v nsenter >/dev/null &&
        command -v setpriv >/dev/null ;;
    bird2) command -v bird >/dev/null ;;
    procps) command -v ps >/dev/null ;;
    frr) [ -x /usr/lib/frr/bgpd ] && command -v vtysh >/dev/null ;;
    gobgpd) [ -x /usr/bin/gobgpd ] && [ -x /usr/bin/gobgp ] ;; # not ours in somebody's PATH
    openbgpd) [ -x /usr/sbin/bgpd ] && command -v bgpctl >/dev/null ;;
    user-mode-linux) command -v linux.uml >/dev/null ;;
    kmod) command -v modprobe >/dev/null ;;
    exabgp) command -v exabgp >/dev/null ;;
    *) echo "setup: no test is known for the package $1" >&2; exit 1 ;;
    esac
}

missing_packages() {
    local package missing=()
    for package in "$@"; do
        package_present "$package" || missing+=("$package")
    done
    printf '%s' "${missing[*]}"
}

install_packages() ( # a subshell: its exit trap takes the start guard away again
    guard=/usr/sbin/policy-rc.d
    if [ ! -e "$guard" ]; then
        printf '#!/bin/sh\nexit 101\n' >"$guard" && chmod 755 "$guard"
        trap 'rm -f "$guard"' EXIT
        trap 'exit 130' INT TERM HUP
    fi
    export DEBIAN_FRONTEND=noninteractive
    apt-get -q update </dev/null &&
        apt-get -q install -y --no-install-recommends -o DPkg::Lock::Timeout=300 "$@" </dev/null
)

setup_packages() {
    local missing log
    missing=$(missing_packages "$@")
    [ -n "$missing" ] || return 0
    if [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null; then
        echo "setup: installing the Debian packages $missing"
        log=$(mktemp)
        # shellcheck disable=SC2086  # one word per package
        install_packages $missing >"$log" 2>&1 || cat "$log" >&2
        rm -f "$log"
        missing=$(missing_packages "$@")
        [ -n "$missing" ] || return 0
    fi
    {
        echo "setup: these packages are needed and not installed: $missing"
        echo "setup: on Debian 12, as root: apt-get install --no-install-recommends $missing"
    } >&2
    exit "$setup_missing_status"
}

venv_stamp() { # KIND PYTHON: changes with everything that the installed set depends on
    {
        printf '%s\n' "$1" "$project"
        "$2" -c 'import sys; print(sys.version)'
        cat "$project/scripts/requirements.txt" "$project/pyproject.toml"
        [ "$1" = runtime ] || cat "$project/scripts/requirements-dev.txt"
    } | sha256sum
}

setup_venv() {
    local kind=$1 venv=$project/.venv python stamp file log kept
    python=$(find_python) || { echo "setup: no Python 3.11 or newer" >&2; exit 1; }
    exec 8<"$project/scripts/setup-lib.sh" # two commands at once: one of them fills it
    flock 8
    for kept in dev "$kind"; do # the dev set holds the runtime set
        stamp=$(venv_stamp "$kept" "$python")
        file=$venv/.stamp-$kept
        if [ -x "$venv/bin/gobgpd" ] && [ "$(cat "$file" 2>/dev/null)" = "$stamp" ]; then
            exec 8>&-
            return 0
        fi
    done
    echo "setup: filling .venv ($kind; a minute, once)"
    log=$(mktemp)
    if ! fill_venv "$kind" "$python" "$venv" >"$log" 2>&1; then
        cat "$log" >&2
        rm -f "$log"
        echo "setup: .venv could not be filled, see above" >&2
        exit 1
    fi
    rm -f "$log"
    printf '%s\n' "$stamp" >"$file"
    exec 8>&-
}

fill_venv() { # KIND PYTHON VENV
    local requirements=$project/scripts/requirements.txt
    [ "$1" = runtime ] || requirements=$project/scripts/requirements-dev.txt
    rm -f "$3"/.stamp-*
    # Its commands hold its path: one that was moved, or whose Python is gone, is made anew.
    if ! "$3/bin/python" -c 'import pip' || ! grep -qF "$3/bin/" "$3/bin/pip"; then
        "$2" -m venv --clear "$3" || return 1
    fi
    "$3/bin/python" -m pip install -r "$requirements" &&
        "$3/bin/python" -m pip install --no-deps --no-build-isolation -e "$project"
}
