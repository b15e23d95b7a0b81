# shellcheck shell=bash
# Starts `scopegate serve` and the programs beside it, and reads their memory and processor time. Source it in the root of
# the repository:
#
#   . scripts/lib/service.sh
#   build_service                         # release builds of the program and of benches/gateways
#   start NAME COMMAND…                   # its output is in $work/NAME.out and $work/NAME.err
#   start_service CONFIG                  # sets $decisions, $grpc and $admin to its URLs
#   stop NAME…
#
# It sets $work, a folder that is removed at the end. At the end, it stops all programs that it has started, by their ids.

work=$(mktemp -d)
declare -A pids=()
: "${server_cpu:=}"
: "${decisions:=}" "${grpc:=}" "${admin:=}"

finish() {
    local name
    for name in "${!pids[@]}"; do kill "${pids[$name]}" 2>/dev/null || true; done
    for name in "${!pids[@]}"; do wait "${pids[$name]}" 2>/dev/null || true; done
    rm -rf "$work"
}
trap finish EXIT

# Our helpers end when their input is closed, so they also end if this script is killed.
mkfifo "$work/input"
exec {input}<>"$work/input"

build_service() {
    cargo build --release --locked --quiet --package scopegate-cli
    (cd benches && cargo build --release --locked --quiet --package scopegate-bench-gateways)
    scopegate=${CARGO_TARGET_DIR:-target}/release/scopegate
    helper=${CARGO_TARGET_DIR:-benches/target}/release/gateway-bench
}

# With $server_cpu, the program runs on this processor only.
start() { # NAME COMMAND…
    local name=$1 pinned=()
    shift
    # The output of an earlier program of this name must not be read.
    : >"$work/$name.out"
    [ -z "$server_cpu" ] || pinned=(taskset -c "$server_cpu")
    "${pinned[@]}" "$@" <"$work/input" >"$work/$name.out" 2>"$work/$name.err" {input}>&- &
    pids[$name]=$!
}

stop() { # NAME…
    local name
    for name in "$@"; do
        kill "${pids[$name]}" 2>/dev/null || true
        wait "${pids[$name]}" 2>/dev/null || true
        unset "pids[$name]"
    done
}

# Waits until COMMAND succeeds, for 60 s at most.
wait_until() { # WHAT COMMAND…
    local what=$1 end=$((SECONDS + 60))
    shift
    until "$@"; do
        if [ $SECONDS -ge $end ]; then
            echo "$what: not after 60 s" >&2
            tail -n 5 "$work"/*.err >&2
            exit 1
        fi
        sleep 0.01
    done
}

responds() { # STATUS URL TOKEN
    [ "$(curl --silent --noproxy '*' --output "$work/body" --write-out '%{http_code}' \
        --header "Authorization: Bearer $3" --header "X-Original-Method: GET" --header "X-Original-URI: /r0/7" "$2")" = "$1" ]
}

printed() { [ "$(wc -l <"$work/$1.out")" -ge "$2" ]; }

# Starts COUNT issuers. Sets $issuers to their address, $token to a token of the first one, and $keys to the JWKS.
start_issuers() { # COUNT
    local lines
    start issuers "$helper" issuers "$1"
    wait_until "the issuers" grep -q '"keys"' "$work/issuers.out"
    mapfile -t lines <"$work/issuers.out"
    issuers=${lines[0]} token=${lines[1]}
    # shellcheck disable=SC2034 # for the scripts
    keys=${lines[-1]}
}

# Writes a configuration. Each route has another path and another scope in ten.
service_config() { # ROUTES ISSUERS
    cat <<END
listen = "127.0.0.1:0"
listen_grpc = "127.0.0.1:0"
listen_admin = "127.0.0.1:0"
public_url = "https://api.example"
gateway = "nginx"
trusted_proxies = ["127.0.0.1"]
END
    awk -v routes="$1" -v issuers="$2" -v url="$issuers" 'BEGIN {
        for (i = 0; i < issuers; i++) printf "[[issuer]]\nissuer = \"%s/%d\"\nclients = [\"local-reader\"]\n", url, i
        for (i = 0; i < routes; i++)
            printf "[[route]]\npath = \"/r%d/{id}\"\nGET = \"orders/read\"\nPOST = \"orders/write%d\"\n", i, i % 10
    }'
    printf '[forward]\n"X-Auth-Client" = "client_id"\n'
}

start_service() { # CONFIG
    start scopegate "$scopegate" serve --config "$1"
    wait_until "the service" printed scopegate 3
    address() { sed -n "s/^$1 on //p" "$work/scopegate.out"; }
    decisions=$(address decisions)/decide
    # shellcheck disable=SC2034 # for the scripts
    grpc=$(address grpc)
    admin=$(address admin)
}

is_ready() { responds 200 "$admin/readyz" none; }

# Prints the processor time of programs in nanoseconds.
spent() { # NAME…
    local name files=()
    for name in "$@"; do files+=("/proc/${pids[$name]}/task/"*/schedstat); done
    awk '{ sum += $1 } END { printf "%.0f\n", sum }' "${files[@]}"
}

# Prints a field of a program's memory in MiB: VmRSS is the memory in use, and VmHWM its peak.
memory() { # NAME FIELD
    awk -v field="$2:" '$1 == field { printf "%.1f\n", $2 / 1024 }' "/proc/${pids[$1]}/status"
}

# Begins a new peak of memory.
reset_peak() { echo 5 >"/proc/${pids[$1]}/clear_refs"; } # NAME

# Reads the output of wrk. Prints requests, requests/s, p50 and p99 in µs. Fails if a response is not 2xx.
read_wrk() { # FILE
    if grep -E 'Non-2xx|Socket errors' "$1" >&2; then
        echo "not every request was accepted" >&2
        exit 1
    fi
    awk -v OFS='\t' '
        function micros(text) {
            if (text ~ /us$/) return text + 0
            if (text ~ /ms$/) return text * 1000
            return text * 1000000
        }
        $1 == "50%" { p50 = micros($2) }
        $1 == "99%" { p99 = micros($2) }
        $2 == "requests" && $3 == "in" { requests = $1 }
        $1 == "Requests/sec:" { rate = $2 }
        END { print requests, rate, p50, p99 }' "$1"
}
