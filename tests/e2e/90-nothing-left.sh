#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0-or-later
# A run that ends in an error, or is interrupted, leaves nothing behind: no namespace, pin, process,
# mount or folder.
. "$(dirname "$0")/lib.sh"
make_run_dir

for end in 'false' 'kill -INT $$; sleep 5' 'kill -TERM $$; sleep 5'; do
    code=0
    SECOND=$RUN_DIR/second.sh
    cat >"$SECOND" <<-BASH
	. "$E2E_DIR/lib.sh"
	world bot
	write_config nft
	sluice_start
	sluice_cli ban 192.0.2.140 --for 1h --reason test
	echo "\$RUN_DIR \$\$ \$PIN_DIR" >"$RUN_DIR/second"
	$end
	BASH
    bash "$SECOND" >"$RUN_DIR/second.out" 2>&1 || code=$?
    [ -s "$RUN_DIR/second" ] || { cat "$RUN_DIR/second.out" >&2; fail "the second run did not start"; }
    read -r dir pid pins <"$RUN_DIR/second"
    rm "$RUN_DIR/second"
    [ "$code" -ne 0 ] || fail "ended by $end, but exit code 0"
    expect_not "ended by '$end' ($code): no folder" test -e "$dir"
    expect_not "no pins" test -e "$pins"
    expect_equal "no namespace" 0 "$(ip netns list | grep -c -- "-$pid\b" || true)"
    expect_equal "no process" 0 "$(pgrep -fc -- "$dir" || true)"
done
