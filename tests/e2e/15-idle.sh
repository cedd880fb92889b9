#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0-or-later
# An idle controller uses no measurable CPU, with sources limited and banned.
. "$(dirname "$0")/lib.sh"
world bot
write_config nft
sluice_start
accepted bot --count 30 >/dev/null
expect "the element is there" wait_until 5 nft_has 192.0.2.66
sluice_cli ban 192.0.2.140 --for 1h --reason test

ticks() { awk '{ print $14 + $15 }' "/proc/$SLUICE_PID/stat"; }
wakeups() { awk '/^voluntary_ctxt_switches/ { n += $2 } END { print n }' /proc/"$SLUICE_PID"/task/*/status; }
before=$(ticks) woken=$(wakeups)
sleep 6 # the length of the measurement
used=$(($(ticks) - before))
printf 'measured: %s ticks of %s per second and %s wake-ups in 6 s\n' \
    "$used" "$(getconf CLK_TCK)" "$(($(wakeups) - woken))"
expect_between "ticks of CPU in 6 idle seconds" 0 1 "$used"
