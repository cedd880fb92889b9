# shellcheck shell=bash
# SPDX-License-Identifier: GPL-2.0-or-later
# Loads the helpers in their order, once.
declare -F postfix_fetch >/dev/null && return 0
LIB_DIR=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
# shellcheck source=scripts/lib/common.sh
. "$LIB_DIR/common.sh"
# shellcheck source=scripts/lib/packages.sh
. "$LIB_DIR/packages.sh"
# shellcheck source=scripts/lib/netns.sh
. "$LIB_DIR/netns.sh"
# shellcheck source=scripts/lib/postfix.sh
. "$LIB_DIR/postfix.sh"
# shellcheck source=scripts/lib/sluice.sh
. "$LIB_DIR/sluice.sh"
