# shellcheck shell=bash
# SPDX-License-Identifier: GPL-2.0-or-later
# Runs sluice in the namespace `mx` with a configuration, a pin directory and a notification
# socket of this run, reads the kernel log, and takes everything away again at exit.

PIN_DIR=/sys/fs/bpf/sluice-$RUN_ID
CONFIG=
SLUICE_PID=
SLUICE_LOG=
NOTIFY_LOG=

# sluice_prepare: once per run, after topology.
sluice_prepare() {
    [ -x "$SLUICE" ] || fail "no program at $SLUICE; build it first"
    CONFIG=$RUN_DIR/sluice.toml
    SLUICE_LOG=$RUN_DIR/sluice.log
    NOTIFY_LOG=$RUN_DIR/notify.log
    : >"$SLUICE_LOG"
    if ! mountpoint -q /sys/fs/bpf; then
        mount -t bpf bpf /sys/fs/bpf
        at_exit 'umount /sys/fs/bpf'
    fi
    at_exit sluice_forget
    python3 "$LIB_DIR/notify_listen.py" "$RUN_DIR/notify" "$NOTIFY_LOG" &
    at_exit "stop_process $!"
    wait_until 20 test -S "$RUN_DIR/notify" || fail "nothing listens for notifications"
}

# Whatever sluice left, even if it crashed: links go with their pins, the table with them.
sluice_forget() {
    [ -z "$SLUICE_PID" ] || stop_process "$SLUICE_PID"
    in_ns mx nft delete table inet sluice 2>/dev/null
    [ ! -d "$PIN_DIR" ] || rm -rf "$PIN_DIR"
}

sluice_cli() { in_ns mx "$SLUICE" --config "$CONFIG" --pin-dir "$PIN_DIR" "$@"; }

# stat_of FILTER: one value of the monitoring document.
stat_of() { sluice_cli stats --json | jq -r "$1"; }

notified() { [ "$(grep -c "^$1\$" "$NOTIFY_LOG" 2>/dev/null)" -ge "${2:-1}" ]; }

# sluice_start [ARGUMENT…]: the controller, ready when this returns.
sluice_start() {
    : >"$NOTIFY_LOG"
    spawn_in mx env NOTIFY_SOCKET="$RUN_DIR/notify" \
        "$SLUICE" --config "$CONFIG" --pin-dir "$PIN_DIR" run "$@" >>"$SLUICE_LOG" 2>&1
    SLUICE_PID=$SPAWNED
    wait_until 15 sluice_ready_or_dead || true
    if zombie_or_gone "$SLUICE_PID" || ! notified READY=1; then
        cat "$SLUICE_LOG" >&2
        fail "sluice run did not get ready"
    fi
}
sluice_ready_or_dead() { notified READY=1 || zombie_or_gone "$SLUICE_PID"; }

# sluice_stop [SIGNAL]
sluice_stop() {
    stop_process "$SLUICE_PID" "${1:-TERM}"
    SLUICE_PID=
}

# nftables' log is silent inside a namespace unless the whole machine allows it. Restored at exit,
# by the last run when several go on at once.
kernel_log_from_namespaces() {
    local key=/proc/sys/net/netfilter/nf_log_all_netns
    [ -e "$key" ] || modprobe -q nf_log_syslog 2>/dev/null || true
    [ -e "$key" ] || return 1
    if [ "$(cat $key)" = 0 ] || other_runs; then
        echo 1 >$key
        at_exit "other_runs || echo 0 >$key"
    fi
}

# kernel_log_mark: prints the number of the latest kernel message.
kernel_log_mark() { kernel_log_records | tail -n 1 | cut -d, -f2; }

# kernel_log_since MARK: what nftables in our `mx` logged after it. The kernel has one log for all
# namespaces; the hardware address that a packet was sent to tells ours from those of other runs.
kernel_log_since() {
    local mac
    mac=$(ip -n "$(netns_name mx)" -j link show dev eth0 | jq -r '.[0].address')
    kernel_log_records |
        awk -F'[,;]' -v mark="$1" '$2 > mark + 0 { sub(/^[^;]*;/, ""); print }' |
        grep -F "MAC=$mac:" || true
}

# One record per line; reading without blocking ends in EAGAIN at the latest one.
kernel_log_records() {
    dd if=/dev/kmsg iflag=nonblock bs=8192 2>/dev/null | grep -E '^[0-9]+,[0-9]+,' || true
}

# nft_has ADDRESS: is this address (of a prefix: its first one) an element that gets dropped? What
# was merely logged already is no answer.
nft_has() {
    in_ns mx nft -j list table inet sluice 2>/dev/null |
        jq -e --arg address "$1" '[.nftables[] | (.set?, .map?) // empty |
            select(.name | startswith("logged") | not) | .elem // [] | .. | strings] |
            index($address) != null' >/dev/null
}
