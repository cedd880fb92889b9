# shellcheck shell=bash
# SPDX-License-Identifier: GPL-2.0-or-later
# The world of the benchmark: `gen` sends through `out` into `eth0` of `mx`, both ends on one
# processor. Behind every contestant stands a rule that drops all and counts, so that what a
# contestant lets through costs the same with each of them and is counted by somebody else.

BENCH_TOOL=$SLUICE_BUILD/tests/bench/bench_tool
BENCH_OBJECT=$SLUICE_BUILD/bench-bpf/bench.bpf.o
BENCH_PINS=/sys/fs/bpf/sluice-bench-$RUN_ID
BENCH_CPU=$(($(nproc) - 1))
MX_MAC=
RESULTS=

say() { printf '[%3d s] %s\n' "$SECONDS" "$*" >&2; }

# record NAME=VALUE…: one line of results. A value that begins like JSON is JSON, all else is text.
# (No jq here and in what counts: a process started is a disturbance of what is measured next.)
record() {
    local pair value line=
    for pair; do
        value=${pair#*=}
        if ! [[ $value =~ ^(-?[0-9]+|null|[\[{].*)$ ]]; then
            value=${value//\\/\\\\}
            value=\"${value//\"/\\\"}\"
        fi
        line+=",\"${pair%%=*}\":$value"
    done
    printf '{%s}\n' "${line#,}" >>"$RESULTS"
}

# What somebody complained of, without the paths of this run.
first_line() { head -n 1 "$1" | sed "s,$RUN_DIR/,,g"; }

bench_world() {
    local gen mx
    netns_add gen
    netns_add mx
    gen=$(netns_name gen)
    mx=$(netns_name mx)
    # Neighbour discovery would be counted among the SYNs.
    netns_sysctl gen net/ipv6/conf/all/disable_ipv6=1 net/ipv6/conf/default/disable_ipv6=1
    netns_sysctl mx net/ipv6/conf/all/disable_ipv6=1 net/ipv6/conf/default/disable_ipv6=1
    ip -n "$gen" link add out type veth peer name eth0 netns "$mx"
    ip -n "$gen" addr add 10.25.0.1/24 dev out
    ip -n "$mx" addr add "$MX4/24" dev eth0
    ip -n "$gen" link set out up
    ip -n "$mx" link set eth0 up
    # Frames are taken up by NAPI, as from a network card; XDP switches that on by itself.
    in_ns gen ethtool -K out gro on
    in_ns mx ethtool -K eth0 gro on
    MX_MAC=$(ip -n "$mx" -j link show dev eth0 | jq -r '.[0].address')
    sluice_prepare
    at_exit let_go
    mkdir "$BENCH_PINS"
    # shellcheck disable=SC2016 # expanded when it runs
    at_exit 'rm -rf "$BENCH_PINS"'
    bpftool prog loadall "$BENCH_OBJECT" "$BENCH_PINS" pinmaps "$BENCH_PINS/maps"
}

# Did somebody have the kernel take the time of every run of a BPF program meanwhile? That costs more
# than the programs do. It shows as counts at ours.
bpf_statistics() {
    [[ $(bpftool -j prog show pinned "$BENCH_PINS/drop_all")$(bpftool -j prog show pinned "$BENCH_PINS/count_pass") == *run_cnt* ]] &&
        echo yes || echo no
}

behind_up() {
    in_ns mx nft -f - <<-NFT
	table inet bench_behind {
		counter rest { }
		chain behind {
			type filter hook prerouting priority raw + 10; policy accept;
			iifname "eth0" counter name rest drop
		}
	}
	NFT
}
behind_down() { in_ns mx nft delete table inet bench_behind 2>/dev/null; }
behind_count() { nft_counter bench_behind rest; }

nft_counter() { in_ns mx "$BENCH_TOOL" counter "$1" "$2"; }

arrived_count() {
    local text
    text=$(ip -n "$(netns_name mx)" -j -s link show dev eth0)
    [[ $text =~ \"rx\":\{\"bytes\":[0-9]+,\"packets\":([0-9]+) ]] && echo "${BASH_REMATCH[1]}"
}

# hold NAMESPACE ARGUMENT…: hold_connection.py, in the background; its first line in HELD.
# let_go ends all of them, once: a number may belong to somebody else afterwards.
HELD=
HOLDERS=()
hold() {
    local ns=$1 file
    shift
    file=$(mktemp "$RUN_DIR/held.XXXXXX")
    spawn_in "$ns" python3 "$BENCH_DIR/hold_connection.py" "$@" >"$file"
    HOLDERS+=("$SPAWNED")
    wait_until 20 test -s "$file" || fail "hold_connection.py $* got no answer"
    # shellcheck disable=SC2034 # read by callers
    HELD=$(cat "$file")
}
let_go() {
    local pid
    for pid in "${HOLDERS[@]}"; do
        stop_process "$pid"
    done
    HOLDERS=()
}

# flood ARGUMENT…: see bench_tool flood; prints its report.
flood() {
    in_ns gen "$BENCH_TOOL" flood --interface out --to-mac "$MX_MAC" --to "$MX4" --cpu "$BENCH_CPU" "$@"
}

# Nanoseconds of CPU that sluice run has used, all threads.
controller_cpu() {
    [ -n "$SLUICE_PID" ] || { echo 0; return; }
    cat "/proc/$SLUICE_PID"/task/*/schedstat 2>/dev/null | awk '{ n += $1 } END { printf "%.0f\n", n }'
}

# measure CONTESTANT COLUMN ROUND ARGUMENT…: one flood and what became of it.
measure() {
    local contestant=$1 column=$2 round=$3 arrived behind own='' busy report begin
    shift 3
    arrived=$(arrived_count)
    behind=$(behind_count)
    own=$(own_count "$contestant" "$column" before)
    busy=$(controller_cpu)
    begin=${EPOCHREALTIME/[^0-9]/}
    report=$(flood "$@") || fail "the generator gave up: $contestant, $column"
    busy=$(($(controller_cpu) - busy))
    busy="{\"cpu_ns\":$busy,\"ns\":$(((${EPOCHREALTIME/[^0-9]/} - begin) * 1000))}"
    arrived=$(($(arrived_count) - arrived))
    behind=$(($(behind_count) - behind))
    [ -z "$own" ] || own=$(($(own_count "$contestant" "$column" after) - own))
    record kind=flood contestant="$contestant" column="$column" round="$round" report="$report" \
        arrived="$arrived" behind="$behind" own="${own:-null}" controller="$busy"
}
