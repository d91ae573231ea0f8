# Sourced by the other scripts: makes .venv beside this folder and installs the project in it.
# Set-up is repeated only when setup.cfg or the versions in constraints/ change. PYTHON names another
# interpreter. STACK=keras3 takes the newer TensorFlow with Keras 3 instead, into .venv-keras3,
# whatever the interpreter; STACK=newest likewise, but the newest version of every package.

# shellcheck shell=bash
root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
stack=${STACK:-keras2}
case $stack in
    keras2) venv="$root/.venv" ;;
    keras3) venv="$root/.venv-keras3" ;;
    newest) venv="$root/.venv-newest" ;;
    *)
        echo "error: STACK must be keras2, keras3 or newest. Received: $stack" >&2
        return 1
        ;;
esac

find_python() {
    local candidate
    for candidate in "${PYTHON:-}" python3.11 python3.10 python3; do
        if [ -n "$candidate" ] && command -v "$candidate" >/dev/null 2>&1 &&
            "$candidate" -c 'import sys, venv; sys.exit(sys.version_info < (3, 10))' 2>/dev/null; then
            echo "$candidate"
            return
        fi
    done
    echo "error: no Python 3.10 or newer found; install one, or name it with PYTHON=/path/to/python" >&2
    return 1
}

# prepare_environment [EXTRA]: installs the project, with the named extra.
prepare_environment() {
    local extra=${1:+[$1]} python wanted stamp serving_api=tensorflow-serving-api
    [ "$stack" != keras2 ] || serving_api=tensorflow-serving-api==2.15.1
    stamp="$venv/.installed${1:+-$1}"
    wanted="$(cat "$root/setup.cfg" "$root/scripts/environment.sh" "$root"/constraints/*.txt | cksum)"
    wanted="$wanted $root"
    if [ -x "$venv/bin/python" ] && [ -f "$stamp" ] && [ "$(cat "$stamp")" = "$wanted" ]; then
        return 0
    fi
    python=$(find_python) || return 1
    echo "Setting up $venv (a few minutes, once; about 2 GB) ..." >&2
    # Also what an earlier attempt left half made.
    "$venv/bin/python" -m pip --version >/dev/null 2>&1 ||
        "$python" -m venv --clear "$venv" || return 1
    "$venv/bin/python" -m pip install -qq --upgrade pip || return 1
    if [ "$stack" = keras2 ]; then
        install_packages --editable "$root$extra" || return 1
    else
        # What setup.cfg asks for on newer Pythons, and the extra's packages.
        # shellcheck disable=SC2046
        install_packages $(requirements install_requires) $(requirements "${1:-}") || return 1
        "$venv/bin/python" -m pip install -qq --no-deps --editable "$root" || return 1
    fi
    if [ "${1:-}" = test ]; then
        # Its messages are read by tests; with what it depends on it would bring another TensorFlow.
        "$venv/bin/python" -m pip install -qq --no-deps "$serving_api" || return 1
    fi
    echo "$wanted" >"$stamp"
}

# install_packages WHAT...: in the versions that the tests were last passed with, where these were
# taken down for this Python; scripts/newest is there to try others.
install_packages() {
    local versions="$root/constraints/$stack.txt" of
    of=$("$venv/bin/python" -c 'import sys; print("%d.%d" % sys.version_info[:2])')
    if [ -f "$versions" ] && grep -qx "# Python $of" "$versions"; then
        set -- --constraint "$versions" "$@"
    fi
    "$venv/bin/python" -m pip install -qq "$@"
}

# requirements NAME: a list of setup.cfg, without what is for older Pythons alone; of the newest
# stack without upper bounds.
requirements() {
    local bounds='s/,<[0-9.]*//'
    [ "$stack" = newest ] || bounds=
    sed -n "/^$1 *=/,/^ *\$\|^[^ ]/{/^ /p}" "$root/setup.cfg" | grep -v '< "3.12"' |
        sed "s/;.*//; s/ //g; $bounds"
}

export TF_CPP_MIN_LOG_LEVEL=${TF_CPP_MIN_LOG_LEVEL:-3}
