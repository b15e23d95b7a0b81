# shellcheck shell=bash
# Installs other people's software for a run, anew only when what is wanted has changed. It is sourced, not run:
#
#   here=${CARGO_TARGET_DIR:-target}/NAME                 # where everything goes: never into the repository
#   mkdir -p "$here"
#   . scripts/lib/installed.sh
#
#   installed_node "$here/peers"                          # what peers/package.json names, into peers/node_modules
#   installed_python tests/NAME/requirements.txt          # into $here/venv
#   installed curl "curl" "any version" true              # anything else; see there
#
# Each is true when everything of its list is there, and else says on standard error what could not be installed, and
# why; so write `|| true`, or `|| not_run WHAT` to end with 69. The lists name exact versions; one for Python names all
# that is needed in turn, too. A mark, $here/installed-NAME, holds the list that is installed; a program may look there
# for what it has.

: "${here:?expected the folder to install into}"

# Says that WHAT did not run, and ends.
not_run() { # WHAT
    printf 'NOT RUN: %s\n' "$1" >&2
    exit 69
}

# Runs COMMAND unless LIST is what it has installed before. Each of PROGRAMS has to be on the PATH, each time: they belong
# to the machine, and may have gone since.
installed() { # NAME PROGRAMS LIST COMMAND…
    local name=$1 programs=$2 list=$3 program
    shift 3
    local mark=$here/installed-$name log=$here/install-$name.log
    for program in $programs; do
        if ! has "$program"; then
            rm -f "$mark"
            printf 'could not be installed: what needs %s: there is no %s\n' "$name" "$program" >&2
            return 1
        fi
    done
    [ "$(cat "$mark" 2>/dev/null)" != "$list" ] || return 0
    rm -f "$mark"
    if ! "$@" >"$log" 2>&1; then
        printf 'could not be installed: what needs %s; %s says why\n' "$name" "$log" >&2
        return 1
    fi
    printf '%s\n' "$list" >"$mark"
}

installed_node() { # FOLDER
    installed node "node npm" "$(cat "$1/package.json")" node_packages "$1"
}

installed_python() { # REQUIREMENTS
    installed python "python3" "$(cat "$1")" python_packages "$1"
}

has() { command -v "$1" >/dev/null; }

node_packages() { # FOLDER
    rm -rf "$1/node_modules"
    # Nothing that a package brings is run while it is installed.
    (cd "$1" && timeout 300 npm install --no-package-lock --no-audit --no-fund --ignore-scripts)
}

python_packages() { # REQUIREMENTS
    rm -rf "$here/venv"
    python3 -m venv "$here/venv" || return
    timeout 300 "$here/venv/bin/pip" install --quiet --no-deps --requirement "$1"
}
