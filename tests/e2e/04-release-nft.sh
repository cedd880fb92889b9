#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0-or-later
# Mode nft: a source that goes quiet is released at its release moment, also when no packet comes
# near the end (each source here tries exactly once more), with short and with long bursts.
. "$(dirname "$0")/lib.sh"
world bot
write_config nft 4s
sluice_start

start_release bot --from 192.0.2.130-192.0.2.156 --per 4 --burst 12
finish_release "released at the moment after a short burst"
start_release bot --from 192.0.2.160-192.0.2.186 --per 4 --burst 40
finish_release "released at the moment after a long burst"
