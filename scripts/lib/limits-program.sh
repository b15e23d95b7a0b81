#!/usr/bin/env bash
# Measures `scopegate serve` with a small and with the largest configuration. `scripts/limits program` runs it.
set -euo pipefail
cd "$(dirname "$0")/../.."
. scripts/lib/service.sh

# How often a measurement is repeated. Rows are medians.
rounds=${LIMITS_ROUNDS:-5}

build_service
start_issuers 500

# Prints the median of its input.
median() { sort -g | awk '{ all[NR] = $1 } END { print NR % 2 ? all[(NR + 1) / 2] : (all[NR / 2] + all[NR / 2 + 1]) / 2 }'; }

# Runs COMMAND some times, and prints the median of the times in ms.
times_of() { # COMMAND…
    local begin
    for _ in $(seq "$rounds"); do
        begin=$EPOCHREALTIME
        "$@" >/dev/null
        milliseconds_since "$begin"
    done | median
}

milliseconds_since() { awk -v begin="$1" -v end="$EPOCHREALTIME" 'BEGIN { printf "%.0f\n", (end - begin) * 1000 }'; }

reloads() { grep -c 'configuration reloaded' "$work/scopegate.err" || true; }

reloaded() { [ "$(reloads)" -gt "$1" ]; }

# Adds a route and reloads. The issuers stay.
reload() { # CONFIG
    local before begin
    before=$(reloads)
    printf '[[route]]\npath = "/added%s"\nGET = "orders/read"\n' "$before" >>"$1"
    begin=$EPOCHREALTIME
    kill -HUP "${pids[scopegate]}"
    wait_until "the reload" reloaded "$before"
    milliseconds_since "$begin"
}

# Asks about all paths in turn.
cat >"$work/paths.lua" <<'END'
local at, routes = 0, tonumber(os.getenv("ROUTES"))
request = function()
    at = (at + 7919) % routes
    wrk.headers["X-Original-URI"] = "/r" .. at .. "/7"
    return wrk.format("GET", "/decide")
end
END

# Prints the processor time of a decision in µs, and p99 in ms.
decide() { # ROUTES
    local before after measured requests p99
    command -v wrk >/dev/null || { printf -- '-\n-\n'; return; }
    before=$(spent scopegate)
    ROUTES=$1 wrk --threads 1 --connections 8 --duration 3s --latency --script "$work/paths.lua" \
        --header "Authorization: Bearer $token" --header "X-Original-Method: GET" "$decisions" >"$work/wrk"
    after=$(spent scopegate)
    measured=$(read_wrk "$work/wrk")
    read -r requests _ _ p99 <<<"$measured"
    awk -v spent="$((after - before))" -v requests="$requests" -v p99="$p99" \
        'BEGIN { printf "%.1f\n%.2f\n", spent / requests / 1000, p99 / 1000 }'
}

# Writes one line for each row of the table.
measure() { # ROUTES ISSUERS
    local config=$work/scopegate-$1.toml begin ready covered=$work/covered-$1.toml
    service_config "$1" "$2" >"$config"
    # Each route is covered by a less strict one in two other spellings.
    { cat "$config"; printf '[[route]]\npath = "/{*rest}"\nGET = "public"\n'; } >"$covered"
    echo "$(times_of "$scopegate" check "$config") ms"
    echo "$(times_of "$scopegate" check "$covered") ms"
    begin=$EPOCHREALTIME
    start_service "$config"
    ready=$(milliseconds_since "$begin")
    wait_until "readiness" is_ready
    echo "$ready ms, $(milliseconds_since "$begin") ms"
    echo "$(memory scopegate VmRSS) MiB, $(memory scopegate VmHWM) MiB"
    decide "$1" >"$work/decided"
    echo "$(sed -n 1p "$work/decided") µs"
    echo "$(sed -n 2p "$work/decided") ms"
    echo "$(memory scopegate VmRSS) MiB"
    reset_peak scopegate
    echo "$(reload "$config") ms"
    echo "$(memory scopegate VmHWM) MiB"
    for _ in $(seq 9); do reload "$config" >/dev/null; done
    echo "$(memory scopegate VmRSS) MiB"
    stop scopegate
}

cat >"$work/rows" <<'END'
`check`
`check`, each route in two spellings that another one covers
start until connections are accepted, until ready
memory when ready, and its peak
processor time of a decision, all paths in turn
p99, 8 connections
memory after these decisions
a reload that adds a route
peak of memory in this reload
memory after 10 such reloads
END
measure 10 1 >"$work/small"
measure 9990 500 >"$work/large"
echo "| | 10 routes, 1 issuer | 9,990 routes, 500 issuers |"
echo "| --- | ---: | ---: |"
paste -d '\t' "$work/rows" "$work/small" "$work/large" | awk -F'\t' '{ printf "| %s | %s | %s |\n", $1, $2, $3 }'
