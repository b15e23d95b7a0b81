# shellcheck shell=bash
# Installs programs of other projects, and again only if their list has changed. Source it:
#
#   here=${CARGO_TARGET_DIR:-target}/NAME                 # the folder of all files, never in the repository
#   mkdir -p "$here"
#   . scripts/lib/installed.sh
#
#   installed_node "$here/peers"                          # the packages of peers/package.json, into peers/node_modules
#   installed_python tests/NAME/requirements.txt          # into $here/venv
#   installed curl "curl" "any version" true              # anything else; see below
#
# Each function returns 0 if its list is installed completely. Otherwise, it prints the reason to standard error; so write
# `|| true`, or `|| not_run WHAT` to exit with 69. The lists have exact versions, and a list for Python includes indirect
# dependencies. The file $here/installed-NAME has the installed list, and programs may read it.

: "${here:?expected the folder to install into}"

# Prints that WHAT did not run, and exits with 69.
not_run() { # WHAT
    printf 'NOT RUN: %s\n' "$1" >&2
    exit 69
}

# Runs COMMAND if LIST has changed since the last installation. Each of PROGRAMS must be on the PATH in each run, because
# programs of the machine may have been removed.
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
    # No script of a package is run during the installation.
    (cd "$1" && timeout 300 npm install --no-package-lock --no-audit --no-fund --ignore-scripts)
}

python_packages() { # REQUIREMENTS
    rm -rf "$here/venv"
    python3 -m venv "$here/venv" || return
    timeout 300 "$here/venv/bin/pip" install --quiet --no-deps --requirement "$1"
}
