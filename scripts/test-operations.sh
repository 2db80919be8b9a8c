#!/usr/bin/env bash
# Tests examples/operations: the rules and their tests with promtool, the names in rules and dashboard, and a Prometheus
# that scrapes two services with the real library beside a sandbox, until it has their series and an alert fires.
#
#     scripts/test-operations.sh
#
# TANGO_TOKEN_LIBRARY and TANGO_SANDBOX can name a library and a sandbox; those that they do not name are built here.
set -euo pipefail
cd "$(dirname "$0")/.."
. scripts/common.sh
. scripts/toolchains.sh

readonly operations=examples/operations work=$target/operations

# free_ports COUNT: prints ports of loopback that nobody uses now.
free_ports() {
    python3 - "$1" <<'PYTHON'
import socket, sys
sockets = [socket.create_server(("127.0.0.1", 0)) for _ in range(int(sys.argv[1]))]
print(*(one.getsockname()[1] for one in sockets))
PYTHON
}

# until_true SECONDS COMMAND...: repeats a command that looks at another process.
until_true() {
    local end=$((SECONDS + $1))
    shift
    until "$@"; do
        [ "$SECONDS" -lt "$end" ] || return 1
        sleep 0.2
    done
}

# has EXPRESSION LINE: whether Prometheus has this sample. promtool prints `{labels} => value @[time]`.
has() {
    promtool query instant "http://127.0.0.1:$prometheus_port" "$1" 2>/dev/null | grep --quiet --extended-regexp "$2"
}

expect() {
    until_true 60 has "$1" "$2" || fail "Prometheus has no \"$2\" for $1: $(
        promtool query instant "http://127.0.0.1:$prometheus_port" "$1"
    )"
    echo "$1: $2"
}

call() { curl --silent --output /dev/null --write-out '%{http_code}' "http://127.0.0.1:$1/accounts"; }
# shellcheck disable=SC2317 # until_true calls it
responds() { curl --silent --fail --output /dev/null "http://127.0.0.1:$1/$2"; }

# What `scrape` has started: not local, because the trap runs after it has returned.
pids=()

# Runs inside the sandbox, whose variables configure the services.
scrape() {
    local first second port prometheus_port
    read -r first second prometheus_port < <(free_ports 3)
    trap 'kill "${pids[@]}" 2>/dev/null || true; wait' EXIT
    export SSL_CERT_FILE=$TANGO_CA_FILE
    for port in "$first" "$second"; do
        "$work/service" "127.0.0.1:$port" 2>"$work/service-$port.log" &
        pids+=($!)
        until_true 20 responds "$port" metrics || fail "the service does not respond: $(cat "$work/service-$port.log")"
    done
    sed -e "s/FIRST/127.0.0.1:$first/" -e "s/SECOND/127.0.0.1:$second/" "$operations/prometheus.yml" |
        sed -e "s#tango-token.rules.yml#$PWD/$operations/&#" -e 's/15s/1s/' >"$work/prometheus.yml"
    rm -rf "$work/data"
    prometheus --config.file="$work/prometheus.yml" --storage.tsdb.path="$work/data" --log.level=warn \
        --web.listen-address="127.0.0.1:$prometheus_port" 2>"$work/prometheus.log" &
    pids+=($!)
    until_true 60 responds "$prometheus_port" -/ready || fail "Prometheus: $(cat "$work/prometheus.log")"

    expect 'tango_token_requests_total{outcome="issued"} == 0' "instance=\"127.0.0.1:$first\".*=> 0 "
    expect 'tango_token_errors_total{reason="cool_down"} == 0' "instance=\"127.0.0.1:$second\".*=> 0 "
    [ "$(call "$first")" = 200 ] || fail "the first service has no token"
    # The daily limit is used up now, and the services share no cache.
    [ "$(call "$second")" = 503 ] || fail "the second service has a token"
    expect 'tango_token_requests_total == 1' "client=\"accounts\".*instance=\"127.0.0.1:$first\".*outcome=\"issued\""
    expect 'tango_token_requests_total == 1' "instance=\"127.0.0.1:$second\".*outcome=\"quota_refused\""
    expect 'tango_token_expires_in_seconds > 80000' "instance=\"127.0.0.1:$first\""
    expect 'histogram_quantile(0.9, sum by (le) (tango_token_request_duration_seconds_bucket)) > 0' '=> [0-9]'
    expect 'tango_token_cool_down_seconds > 3000' "instance=\"127.0.0.1:$second\""
    expect 'ALERTS{alertname="TangoTokenCallsFail", alertstate="firing"}' "instance=\"127.0.0.1:$second\".*critical"
    expect 'ALERTS{alertname="TangoTokenCoolDown"}' "instance=\"127.0.0.1:$second\".*warning"
    ! has 'ALERTS' "instance=\"127.0.0.1:$first\"" || fail "an alert for the service that has a token"
}

if [ "${1-}" = scrape ]; then
    scrape
    exit
fi

need_compiler
need_python
need_go
need curl=curl prometheus=prometheus promtool=prometheus
need_library_and_sandbox
mkdir -p "$work"

step "Operations: rules"
promtool check rules "$operations/tango-token.rules.yml"
promtool check config "$operations/prometheus.yml"
promtool test rules "$operations/tango-token.tests.yml"

# names FILE: the metrics in a file. A histogram has three series for its name.
names() {
    grep --only-matching --extended-regexp '\btango_[a-z_]+' "$1" |
        sed -E 's/(_duration_seconds)_(bucket|count|sum)$/\1/' | sort --unique
}
step "Operations: names of metrics in rules and dashboard"
# shellcheck disable=SC2016 # the backquotes are those of the document
sed -n 's/^| `[a-z_.]*` | `\(tango_[a-z_]*\)` .*/\1/p' docs/metrics.md | sort --unique >"$work/metrics"
[ -s "$work/metrics" ] || fail "docs/metrics.md has no metrics"
unknown=$(names "$operations/tango-token.rules.yml" | comm -23 - "$work/metrics")
[ -z "$unknown" ] || fail "the rules have names that are no metrics: $unknown"
names "$operations/grafana-dashboard.json" | diff - "$work/metrics" || fail "the dashboard does not show every metric"

step "Operations: service"
(cd "$operations/service" && go mod tidy -diff && go vet ./... && go build -o "$work/service" .)

step "Operations: a Prometheus that scrapes it"
"$TANGO_SANDBOX" run --log-file /dev/null -- "$PWD/scripts/test-operations.sh" scrape
