# shellcheck shell=bash
# shellcheck disable=SC2153 # FRAMES, RANGES and their like are options of scripts/bench
# SPDX-License-Identifier: GPL-2.0-or-later
# The floods: in every round each contestant is set up anew and meets all columns; who comes first
# changes from round to round. A contestant that cannot run here is recorded with its reason.

OVER_FROM=172.16.0.0 # a /12 has 1,048,576 addresses
NEW_FROM=10.0.0.0    # a /8 has 16 M
NEW_SOURCES=16777216

# Every source is over after this: twice for those that allow 1 SYN, ten times for `recent`.
warm_up_frames() {
    local each=2 frames
    [ "$1" != recent ] || each=10
    frames=$((each * $2))
    echo $((frames < 4096 ? 4096 : frames))
}

# Number of the contestant's next SYN. No two of its SYNs share one, or the second would be a
# retransmission of the first.
NEXT=0

column_over() {
    local contestant=$1 round=$2 sources=$3 frames
    [ ! -e "$RUN_DIR/unsettled-$contestant-$sources" ] || return 0
    frames=$(warm_up_frames "$contestant" "$sources")
    flood --from "$OVER_FROM" --sources "$sources" --frames "$frames" --skip "$NEXT" >/dev/null
    NEXT=$((NEXT + frames))
    if [ "$contestant" = sluice-nft ] && ! sluice_settle; then
        record kind=unsettled contestant="$contestant" column="$sources" seconds="$SETTLE_SECONDS"
        : >"$RUN_DIR/unsettled-$contestant-$sources"
    fi
    measure "$contestant" "$sources" "$round" --from "$OVER_FROM" --sources "$sources" --frames "$FRAMES" --skip "$NEXT"
    NEXT=$((NEXT + FRAMES))
}

contestant_round() {
    local contestant=$1 round=$2 sources
    contestant up "$contestant"
    # Never the same source twice; everybody forgets them before the rest, because hashlimit drops
    # whoever comes beyond the 1,048,576 that the kernel lets it remember.
    measure "$contestant" newcomers "$round" --from "$NEW_FROM" --sources "$NEW_SOURCES" --frames "$NEWCOMERS"
    contestant down "$contestant"
    contestant up "$contestant"
    NEXT=0
    for sources in "${COLUMNS_OVER[@]}"; do
        column_over "$contestant" "$round" "$sources"
    done
    contestant down "$contestant"
}

# try_out CONTESTANT: can it run here? Set up for a moment, or asked where that would take long.
try_out() {
    if declare -F "${1//-/_}_check" >/dev/null; then
        contestant check "$1"
    else
        (contestant up "$1") && contestant down "$1"
    fi
}

# Those that this machine can run, in order; the others are recorded.
usable_contestants() {
    local contestant
    for contestant in "${CONTESTANTS[@]}"; do
        if try_out "$contestant" >"$RUN_DIR/refusal" 2>&1; then
            echo "$contestant"
        else
            record kind=absent contestant="$contestant" reason="$(first_line "$RUN_DIR/refusal")"
            declare -F "${contestant//-/_}_check" >/dev/null || contestant down "$contestant" >/dev/null 2>&1 || true
        fi
    done
}

flood_rounds() {
    local usable round i begin
    behind_up
    mapfile -t usable < <(usable_contestants)
    begin=$SECONDS
    for ((round = 1; round <= ROUNDS; round++)); do
        for ((i = 0; i < ${#usable[@]}; i++)); do
            say "floods, round $round of $ROUNDS: ${usable[(i + round - 1) % ${#usable[@]}]}"
            contestant_round "${usable[(i + round - 1) % ${#usable[@]}]}" "$round"
        done
        if ((round < ROUNDS && (SECONDS - begin) * (round + 1) / round > FLOOD_SECONDS)); then
            say "no time for another round"
            break
        fi
    done
    behind_down
}
