# shellcheck shell=bash
# SPDX-License-Identifier: GPL-2.0-or-later
# The contestants. NAME_up sets one up for SYNs to port 25 and prints why it cannot, NAME_down takes
# it away, NAME_own prints how many SYNs it says it has stopped (nothing if that cannot be asked).
# All allow 1 SYN per source and minute but `recent`, which stands as people paste it.
# shellcheck disable=SC2317 # called by name

# shellcheck disable=SC2034 # read by scripts/bench
CONTESTANTS=(floor nftdrop recent hashlimit nftset sluice-observe sluice-nft sluice-xdp sluice-handshake)
TABLE_SIZE=2097152 # entries that each has room for
SETTLE_SECONDS=20

contestant() {
    local verb=$1 name=${2//-/_}
    shift 2
    "${name}_$verb" "$@"
}
own_count() { contestant own "$@"; }

# The floor of anything in XDP: a program that counts and drops.
floor_up() { in_ns mx bpftool net attach xdpdrv pinned "$BENCH_PINS/drop_all" dev eth0; }
floor_down() { in_ns mx bpftool net detach xdpdrv dev eth0; }
floor_own() { bpftool map lookup pinned "$BENCH_PINS/maps/seen" key 0 0 0 0 | awk '/"value":/ { n += $2 } END { print n }'; }

# The floor of anything on socket buffers: the rule that stands behind everybody.
nftdrop_up() { :; }
nftdrop_down() { :; }
nftdrop_own() { behind_count; }

legacy() { in_ns mx iptables-legacy -w 5 -t raw "$@"; }
legacy_syn() { legacy -A PREROUTING -i eth0 -p tcp --syn --dport 25 "$@"; }
legacy_own() { legacy -nvxL PREROUTING | awk '$3 == "DROP" { n += $1 } END { print n + 0 }'; }

recent_up() {
    legacy_syn -m recent --name smtp --set &&
        legacy_syn -m recent --name smtp --update --seconds 60 --hitcount 10 -j DROP
}
recent_down() { legacy -F; }
recent_own() { legacy_own; }

hashlimit_up() {
    legacy_syn -m hashlimit --hashlimit-name smtp --hashlimit-mode srcip --hashlimit-above 1/minute \
        --hashlimit-burst 1 --hashlimit-htable-size $((TABLE_SIZE / 2)) --hashlimit-htable-max "$TABLE_SIZE" \
        --hashlimit-htable-expire 120000 --hashlimit-htable-gcinterval 30000 -j DROP
}
hashlimit_down() { legacy -F; }
hashlimit_own() { legacy_own; }

nftset_up() {
    in_ns mx nft -f - <<-NFT
	table inet bench_peer {
		counter stopped { }
		set seen {
			type ipv4_addr; size $TABLE_SIZE; flags dynamic,timeout; timeout 2m
		}
		chain smtp {
			type filter hook prerouting priority raw; policy accept;
			iifname "eth0" tcp dport 25 tcp flags & (fin|syn|rst|ack) == syn add @seen { ip saddr limit rate over 1/minute burst 1 packets } counter name stopped drop
		}
	}
	NFT
}
nftset_down() { in_ns mx nft delete table inet bench_peer; }
nftset_own() { nft_counter bench_peer stopped; }

# sluice as an operator runs it: a configuration, attach, the controller. The controller gets the
# other processors; the SYNs have theirs for themselves. sluice_config MODE COUNT
sluice_config() {
    cat >"$CONFIG" <<-TOML
	interfaces = ["eth0"]
	xdp = "native"
	mode = "$1"

	[limit]
	connections = 1
	per = "60s"
	count = "$2"

	[table]
	sources = $TABLE_SIZE
	TOML
}
sluice_up() {
    sluice_config "$1" "$2"
    sluice_cli attach eth0 >/dev/null
    sluice_start
    [ "$(nproc)" -eq 1 ] || taskset -a -c -p "0-$(($(nproc) - 2))" "$SLUICE_PID" >/dev/null
}
sluice_down() {
    disown "$SLUICE_PID" # or the shell tells of its end
    sluice_stop KILL     # with a million sources it may be deep in a transaction
    sluice_cli detach >/dev/null || sluice_forget
}
# `stats` lists every source that is over. Once that has taken long, so many sources and more do
# without it (the count behind the contestant has to do); `after` ends what was begun.
sluice_own() {
    local sources=$1 when=$2 begin=${EPOCHREALTIME/[^0-9]/} slow_from
    [ "$sources" != newcomers ] || sources=0
    if [ "$when" = before ]; then
        slow_from=$(cat "$RUN_DIR/stats-slow-from" 2>/dev/null || echo $((sources + 1)))
        [ "$sources" -lt "$slow_from" ] || return 0
    fi
    stat_of '.counters.dropped_xdp + .counters.dropped_nft' || true
    ((sources < 65536 || ${EPOCHREALTIME/[^0-9]/} - begin < 500000)) || echo "$sources" >"$RUN_DIR/stats-slow-from"
}

# What stands in nft in mode nft follows the kernel's counts; a reload makes sluice read them all,
# and returns when that is done. The first time it takes too long is the last time it is tried.
sluice_settle() {
    in_ns mx timeout "$SETTLE_SECONDS" "$SLUICE" --config "$CONFIG" --pin-dir "$PIN_DIR" reload >/dev/null 2>&1
}

sluice_observe_up() { sluice_up observe syn; }
sluice_observe_check() { :; }
sluice_observe_down() { sluice_down; }
sluice_observe_own() { sluice_own "$@"; }
sluice_nft_up() { sluice_up nft syn; }
sluice_nft_check() { :; }
sluice_nft_down() { sluice_down; }
sluice_nft_own() { sluice_own "$@"; }
sluice_xdp_up() { sluice_up xdp syn; }
sluice_xdp_check() { :; }
sluice_xdp_down() { sluice_down; }
sluice_xdp_own() { sluice_own "$@"; }

# Counting handshakes, every one of these SYNs is forged and passes; what it costs to find that out.
# There is a listener, as on a mail server: its look-up belongs to the price.
sluice_handshake_check() {
    sluice_config xdp handshake
    sluice_cli config check
}
sluice_handshake_up() {
    sluice_up xdp handshake
    hold mx listen 25
}
sluice_handshake_down() {
    let_go
    sluice_down
}
sluice_handshake_own() { sluice_own "$@"; }
