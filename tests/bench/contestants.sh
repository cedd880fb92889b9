# shellcheck shell=bash
# SPDX-License-Identifier: GPL-2.0-or-later
# The contestants. NAME_up sets one up for SYNs to port 25 and prints why it cannot, NAME_down takes
# it away, NAME_own prints how many SYNs it says it has stopped (nothing if that cannot be asked).
# All allow 1 SYN per source and minute but `recent`, which stands as people paste it.
# shellcheck disable=SC2317 # called by name

CONTESTANTS=(floor nftdrop recent hashlimit nftset sluice-observe sluice-nft sluice-xdp)
TABLE_SIZE=2097152 # entries that each has room for

contestant() {
    local verb=$1 name=${2//-/_}
    shift 2
    "${name}_$verb" "$@"
}
own_count() { contestant own "$@"; }

# The floor of anything in XDP: a program that counts and drops.
floor_up() { in_ns mx bpftool net attach xdpdrv pinned "$BENCH_PINS/drop_all" dev eth0; }
floor_down() { in_ns mx bpftool net detach xdpdrv dev eth0; }
floor_own() { bpftool -j map lookup pinned "$BENCH_PINS/maps/seen" key 0 0 0 0 | jq '[.formatted.values[].value] | add'; }

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
		set seen {
			type ipv4_addr; size $TABLE_SIZE; flags dynamic,timeout; timeout 2m
		}
		chain limit {
			type filter hook prerouting priority raw; policy accept;
			iifname "eth0" tcp dport 25 tcp flags & (fin|syn|rst|ack) == syn add @seen { ip saddr limit rate over 1/minute burst 1 packets } counter drop
		}
	}
	NFT
}
nftset_down() { in_ns mx nft delete table inet bench_peer; }
nftset_own() { nft_rule_count bench_peer limit; }

# sluice as an operator runs it: a configuration, attach, the controller. The controller gets the
# other processors; the SYNs have theirs for themselves.
sluice_config() {
    cat >"$CONFIG" <<-TOML
	interfaces = ["eth0"]
	xdp = "native"
	mode = "$1"

	[limit]
	connections = 1
	per = "60s"

	[table]
	sources = $TABLE_SIZE
	TOML
}
sluice_up() {
    sluice_config "$1"
    sluice_cli attach eth0 >/dev/null
    sluice_start
    [ "$(nproc)" -eq 1 ] || taskset -a -c -p "0-$(($(nproc) - 2))" "$SLUICE_PID" >/dev/null
}
sluice_down() {
    sluice_stop
    sluice_cli detach >/dev/null || sluice_forget
}
# `stats` lists every source that is over. When that takes long, the count behind has to do.
STATS_SLOW=
sluice_own() {
    local begin=${EPOCHREALTIME/./} document
    [ -z "$STATS_SLOW" ] || [ "$1" -le "$STATS_SLOW" ] || return 0
    document=$(timeout 20 "$SLUICE" --version >/dev/null && sluice_cli stats --json |
        jq '.counters.dropped_xdp + .counters.dropped_nft') || document=
    ((${EPOCHREALTIME/./} - begin < 300000)) || STATS_SLOW=$1
    printf '%s' "$document"
}

sluice_observe_up() { sluice_up observe; }
sluice_observe_down() { sluice_down; }
sluice_observe_own() { sluice_own "$@"; }
sluice_nft_up() { sluice_up nft; }
sluice_nft_down() { sluice_down; }
sluice_nft_own() { sluice_own "$@"; }
sluice_xdp_up() { sluice_up xdp; }
sluice_xdp_down() { sluice_down; }
sluice_xdp_own() { sluice_own "$@"; }
