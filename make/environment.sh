#!/bin/sh
# environment.sh PYTHON FOLDER [EXTRA]: the environment of the tools, from the pins of this project; EXTRA is one of the
# optional dependencies in pyproject.toml (dev: what every command needs). Says in one sentence what is missing before
# anything is made, and leaves nothing half made behind.
set -eu
python=$1
folder=$2
extra=${3:-dev}

fail() {
    echo "$1" >&2
    exit 1
}

command -v "$python" >/dev/null || fail "make: $python is not installed; lector102's tools need Python 3.11 to 3.14 (PYTHON=python3.12 names another one)."
version=$("$python" -c 'import sys; print("%d.%d" % sys.version_info[:2])')
case $version in
3.11 | 3.12 | 3.13 | 3.14) ;;
*) fail "make: $python is Python $version; lector102's tools need Python 3.11 to 3.14 (PYTHON=python3.12 names another one)." ;;
esac
"$python" -c 'import ensurepip, venv' 2>/dev/null ||
    fail "make: $python has no venv; on Debian and Ubuntu: apt-get install python3-venv"

# What a killed run left, or an older Python made, is no environment.
if [ -e "$folder" ] && ! "$folder/bin/python" -c 'import pip, sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null; then
    rm -rf "$folder"
fi
if [ ! -e "$folder" ]; then
    made=yes
    trap '[ -z "$made" ] || rm -rf "$folder"' EXIT
    trap 'exit 130' INT
    trap 'exit 143' TERM HUP
    echo "setting up $folder (once, about a minute) ..."
    "$python" -m venv "$folder"
else
    echo "bringing $folder up to date ..."
fi
mkdir -p build
"$folder/bin/python" -c "
import sys, tomllib
with open('pyproject.toml', 'rb') as file:
    print('\n'.join(tomllib.load(file)['project']['optional-dependencies'][sys.argv[1]]))
" "$extra" > build/requirements.txt
"$folder/bin/python" -m pip install --quiet --disable-pip-version-check --no-warn-script-location \
    -r build/requirements.txt -c constraints.txt ||
    fail "make: the packages could not be installed; is there a network? The same command tries again."
touch "$folder/.$extra"
made=
