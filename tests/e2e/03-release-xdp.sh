#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0-or-later
# Mode xdp: a source that goes quiet is released at its release moment, not before and not late,
# with the controller alive and with it killed.
. "$(dirname "$0")/lib.sh"
world bot
write_config xdp 4s
sluice_start

start_release bot --from 192.0.2.130-192.0.2.156 --per 4
finish_release "released at the moment, controller alive"
start_release bot --from 192.0.2.160-192.0.2.186 --per 4
sluice_stop KILL
finish_release "released at the moment, controller killed"
