#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0-or-later
# Mode nft with the controller killed after the sources went quiet: the elements it wrote still
# lapse at the release moment.
. "$(dirname "$0")/lib.sh"
world bot
write_config nft 4s
sluice_start

start_release bot --from 192.0.2.130-192.0.2.156 --per 4 --burst 11
sluice_stop KILL
finish_release "released at the moment, controller killed"
