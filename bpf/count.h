/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * attempt -> window -> count -> edge -> event: what an attempt changes in its source's entry. Which
 * packet is an attempt, and what becomes of it, is decided in attempt.h and handshake.h.
 */
#ifndef SLUICE_COUNT_H
#define SLUICE_COUNT_H

#include "large.h"
#include "memory.h"

#define LARGE_BUILD_TRIES 512
/* Levels of sources that nothing limits are of this time. */
#define LEVEL_DEFAULT_NS 60000000000ULL
#define LEVEL_ONE 16U

/* What the event says beside is in where->rule and where->result. */
__noinline int send_event(struct packet *pkt, struct located *where, struct moment *at, __u32 kind,
			  __u32 count)
{
	struct sluice_policy *policy;
	struct sluice_source *entry;
	struct sluice_event *event;
	__u32 index;

	if (!pkt || !where || !at)
		return 0;
	index = sluice_policy_index(at->half, where->class_id, where->key.service);
	policy = bpf_map_lookup_elem(&policies, &index);
	index = where->index - 1;
	entry = bpf_map_lookup_elem(&sources, &index);
	event = bpf_ringbuf_reserve(&events, sizeof(*event), 0);
	if (!event) {
		count_event(SLUICE_EVENTS_LOST);
		return 0;
	}
	event->time_ns = at->now;
	event->until_ns = where->result.release_ns;
	event->attempts = entry ? entry->attempts : 0;
	event->key = where->key;
	__builtin_memcpy(event->saddr, pkt->saddr, 16);
	__builtin_memcpy(event->daddr, pkt->daddr, 16);
	event->sport = pkt->sport;
	event->dport = pkt->dport;
	event->class_id = where->class_id;
	event->action = policy ? policy->action : SLUICE_ACTION_OBSERVE;
	event->kind = (__u8)kind;
	event->ifindex = at->ifindex;
	event->count = count;
	event->pad = 0;
	bpf_ringbuf_submit(event, 0);
	return 1;
}

/*
 * The level: attempts in the last `per`, each fading linearly. A burst of k counts k; a steady
 * stream of r per `per` settles at r. Returns it in whole attempts, this one included. Approximate
 * on purpose: `advise` and peaks need no more, limits never use it.
 */
static __always_inline __u32 raise_level(struct sluice_source *entry, __u64 per_ticks, __u64 now)
{
	__u64 per = per_ticks ? per_ticks >> (SLUICE_COARSE_SHIFT - SLUICE_TICK_SHIFT)
			      : LEVEL_DEFAULT_NS >> SLUICE_COARSE_SHIFT;
	__u32 idle = (__u32)(now >> SLUICE_COARSE_SHIFT) - WINDOW_READ32(entry->last);
	__u32 level = entry->level, whole, peak = entry->peak;

	if (idle > 0x7fffffff) /* a neighbour's clock was a little ahead */
		idle = 0;
	if (idle >= per)
		level = 0;
	else if (idle)
		level -= (__u32)((__u64)level * idle / per);
	level += LEVEL_ONE;
	if (level > 0xffff)
		level = 0xffff;
	entry->level = (__u16)level;
	whole = level / LEVEL_ONE;
	if (whole > SLUICE_PEAK_MASK)
		entry->peak = (__u8)(peak | SLUICE_PEAK_MASK);
	else if (whole > (peak & SLUICE_PEAK_MASK))
		entry->peak = (__u8)((peak & SLUICE_PEAK_WARNED) | whole);
	return whole;
}

static __always_inline void tally_trials(struct sluice_tally *tally, __u32 level)
{
#pragma unroll
	for (int i = 0; i < SLUICE_TRIAL_LIMITS; i++)
		tally->stopped[i] += level > SLUICE_TRIAL_LIMIT(i);
}

static __always_inline void count_up(__u32 *counter)
{
	/* far enough from the end for every CPU to add one at the same time */
	if (WINDOW_READ32(*counter) < 0xffff0000)
		__sync_fetch_and_add(counter, 1);
}

/* window_attempt() on the source's entry. */
__noinline int try_window(struct located *where, __u32 connections, __u32 log)
{
	struct sluice_source *entry;
	__u32 index;

	if (!where)
		return 0;
	index = where->index - 1;
	entry = bpf_map_lookup_elem(&sources, &index);
	where->result.verdict = WINDOW_RECYCLED;
	if (entry)
		where->result = window_attempt(entry, where->life, log_capacity, connections,
					       where->rule.per_ticks, where->rule.now, log);
	return 0;
}

__noinline int try_large_turn(struct located *where, __u32 block)
{
	struct sluice_large *large = bpf_map_lookup_elem(&larges, &block);

	if (!large || !where)
		return 0;
	*(volatile __u64 *)&large->used_ns = where->rule.now;
	return large_turn(large, where->rule.connections, where->rule.per_ticks, where->rule.now,
			  where->rule.log, &where->result);
}

/* large_attempt() on a block. */
static __always_inline void try_large(struct located *where, __u32 block)
{
	where->result.verdict = WINDOW_CONTENDED;
	where->result.release_ns = 0;
#pragma GCC unroll 1
	for (int turn = 0; turn < LARGE_TRIES; turn++)
		if (try_large_turn(where, block))
			break;
}

static __always_inline __u32 large_base(const struct located *where)
{
	return table_block(&where->place, large_groups);
}

/* Another CPU's clock may be a little ahead of now. */
static __always_inline int idle_for(__u64 used, __u64 now, __u64 length)
{
	return (__s64)(now - used) >= (__s64)length;
}

/* The block (plus 1) of the source's large window of this period, 0 if it has none. */
__noinline int find_large(struct located *where, __u64 per_ticks, __u64 now)
{
	struct sluice_source *entry;
	struct sluice_large *large;
	__u32 index, mine;

	if (!where)
		return 0;
	index = where->index - 1;
	entry = bpf_map_lookup_elem(&sources, &index);
	if (!entry)
		return 0;
	mine = *(volatile __u8 *)&entry->blocks >> 4;
	if (!mine)
		return 0;
	index = large_base(where) + ((mine - 1) & (SLUICE_GROUP - 1));
	large = bpf_map_lookup_elem(&larges, &index);
	if (!large || WINDOW_READ(large->owner) != where->place.owner || large->per_ticks != per_ticks ||
	    idle_for(WINDOW_READ(large->used_ns), now, per_ticks << SLUICE_TICK_SHIFT))
		return 0;
	return (int)(index + 1);
}

/* Takes a free block of its group, to be filled: `base` 0. Returns it plus 1; 0: there is none. Under the guard. */
__noinline int take_large(struct located *where, __u64 per_ticks, __u64 now)
{
	struct sluice_source *entry;
	struct sluice_large *large;
	__u32 index;
	__u64 owner;

	if (!where)
		return 0;
	index = where->index - 1;
	entry = bpf_map_lookup_elem(&sources, &index);
	if (!entry)
		return 0;
#pragma GCC unroll 1
	for (__u32 i = 0; i < SLUICE_GROUP; i++) {
		index = large_base(where) + i;
		large = bpf_map_lookup_elem(&larges, &index);
		if (!large)
			return 0;
		owner = WINDOW_READ(large->owner);
		/* free, its own of another period, or one whose attempts have all left its window */
		if (owner && owner != where->place.owner &&
		    !idle_for(WINDOW_READ(large->used_ns), now, large->per_ticks << SLUICE_TICK_SHIFT))
			continue;
		*(volatile __u64 *)&large->base = 0;
		*(volatile __u64 *)&large->owner = where->place.owner;
		large->per_ticks = per_ticks;
		large->head = 0;
		*(volatile __u64 *)&large->used_ns = now;
		for (__u32 k = 0; k < SLUICE_LARGE_BUCKETS; k++)
			large->buckets[k] = 0;
		(void)__sync_val_compare_and_swap(&large->base, 0,
						  0); /* all of it before the block is found */
		*(volatile __u8 *)&entry->blocks = (__u8)((entry->blocks & 0xf) | (i + 1) << 4);
		return (int)(index + 1);
	}
	count_event(SLUICE_LARGE_REFUSED);
	return 0;
}

/* A block (plus 1) to be filled by the caller. 0: somebody else fills one, or there is none. */
__noinline int claim_large(struct located *where, __u64 per_ticks, __u64 now)
{
	__u32 guard;
	int block = 0;

	if (!where)
		return 0;
	guard = (large_base(where) / SLUICE_GROUP) & (SLUICE_GUARDS - 1);
	if (!take_guard(guard, now))
		return 0;
	if (!find_large(where, per_ticks, now))
		block = take_large(where, per_ticks, now);
	give_guard(guard);
	return block;
}

/* Counts what the log holds before `position` into a block that is being filled. */
__noinline int fill_large(struct located *where, __u32 block, __u64 position, __u64 per_ticks)
{
	struct window_place here = {position >> 8, (__u32)(position & 0xff), 0};
	struct sluice_large *large = bpf_map_lookup_elem(&larges, &block);
	__u64 latest = 0, sum, width = large_width(per_ticks);
	struct sluice_source *entry;
	__u32 index;

	if (!where || !large || !width)
		return 0;
	index = where->index - 1;
	entry = bpf_map_lookup_elem(&sources, &index);
	if (!entry)
		return 0;
	sum = WINDOW_READ(large->head); /* 0, which the verifier must not know */
	latest = sum;
#pragma GCC unroll 1
	for (__u32 back = SLUICE_MAX_LIMIT; back > 0; back--) {
		struct window_place at;
		__u64 slot, number, count, *bucket;

		if (back >= log_capacity) /* position itself has taken the place of the one `capacity` back */
			continue;
		at = window_before(here, back, log_capacity);
		slot = window_slot(entry, at.index, log_capacity);
		if (!window_holds(slot, at))
			continue;
		number = (slot >> 8) / width; /* records never fall, so the last is the latest */
		latest = number;
		bucket = &large->buckets[number & (SLUICE_LARGE_BUCKETS - 1)];
		/* nobody else writes it yet */
		count = *bucket >> LARGE_COUNT_BITS == number ? *bucket & LARGE_COUNT_MASK : 0;
		*bucket = number << LARGE_COUNT_BITS | (count + 1);
		sum++;
	}
	large->head = latest << LARGE_COUNT_BITS | sum;
	(void)__sync_lock_test_and_set(&large->base, position);
	return 1;
}

/* Waits for a block to be filled: 1 if who has this position counts by himself, 0 if he was counted, -1: too long. */
__noinline int await_large(__u32 block, __u64 position)
{
	struct sluice_large *large = bpf_map_lookup_elem(&larges, &block);
	__u64 base;

	if (!large)
		return -1;
#pragma GCC unroll 1
	for (int i = 0; i < LARGE_BUILD_TRIES; i++) {
		base = WINDOW_READ(large->base);
		if (base)
			return position >= base;
	}
	return -1;
}

/*
 * A limit above 64. As long as fewer attempts than the log holds came in the last `per`, the log
 * alone tells that nothing is over. With the attempt that finds it full of recent ones the source
 * gets a large window, filled from the log. Every attempt takes a position in the log first; the
 * large window counts those from `base` on by themselves and was filled with those before, so each
 * is counted exactly once, whatever the interleaving.
 */
__noinline int try_in_large(struct located *where)
{
	__u32 block, mine = 0;
	int alone;

	if (!where)
		return 0;
	block = (__u32)find_large(where, where->rule.per_ticks, where->rule.now);
	if (!block) {
		try_window(where, log_capacity - 1, 0);
		if (where->result.verdict == WINDOW_OVER)
			mine = (__u32)claim_large(where, where->rule.per_ticks, where->rule.now);
	}
	try_window(where, 0, WINDOW_LOG_WITHIN);
	if (where->result.verdict != WINDOW_WITHIN)
		return 0;
	if (mine) {
		fill_large(where, mine - 1, where->result.position, where->rule.per_ticks);
		block = mine;
	} else {
		block = (__u32)find_large(where, where->rule.per_ticks, where->rule.now);
		if (!block)
			return 0; /* few, or no room (counted): passes */
		alone = await_large(block - 1, where->result.position);
		if (alone < 0)
			where->result.verdict = WINDOW_RECYCLED;
		if (alone <= 0)
			return 0;
	}
	try_large(where, block - 1);
	return 0;
}

/* Whether this many attempts are in the last `per`. */
static __always_inline int reaches(const struct sluice_source *entry, __u32 wanted, __u64 per_ticks,
				   __u64 now)
{
	__u64 head = WINDOW_READ(entry->head), slot;
	struct window_place here = {head >> 8, (__u32)(head & 0xff), 0}, at;

	if (!wanted || wanted > log_capacity)
		return 0;
	at = window_before(here, wanted, log_capacity);
	slot = window_slot(entry, at.index, log_capacity);
	return window_holds(slot, at) && window_floor(now) < (slot >> 8) + per_ticks;
}

/* Reports a source that has come to `warn` attempts, once until it is below that. */
__noinline int warn_at_threshold(struct packet *pkt, struct located *where, struct moment *at, __u32 warn)
{
	struct sluice_source *entry;
	__u32 index;
	int reached;

	if (!pkt || !where || !at)
		return 0;
	index = where->index - 1;
	entry = bpf_map_lookup_elem(&sources, &index);
	if (!entry)
		return 0;
	reached = where->rule.connections > SLUICE_MAX_LIMIT && where->result.count
		      ? where->result.count >= warn
		      : reaches(entry, warn, where->rule.per_ticks, where->rule.now);
	if (reached == !!(entry->peak & SLUICE_PEAK_WARNED))
		return 0;
	entry->peak ^= SLUICE_PEAK_WARNED;
	if (!reached)
		return 0;
	count_event(SLUICE_WARNED);
	send_event(pkt, where, at, SLUICE_EVENT_WARN, warn);
	return 1;
}

/* One attempt of a source: where->rule says how, where->result what came of it. Returns 1 on the edge:
 * it was not over before. */
__noinline int count_attempt(struct located *where)
{
	struct sluice_source *entry;
	__u64 until_before;
	__u32 index;

	if (!where)
		return 0;
	index = where->index - 1;
	entry = bpf_map_lookup_elem(&sources, &index);
	where->result.verdict = WINDOW_RECYCLED;
	where->result.count = 0;
	if (!entry)
		return 0;
	until_before = WINDOW_READ(entry->until_ns);
	if (where->rule.connections > SLUICE_MAX_LIMIT)
		try_in_large(where);
	else
		try_window(where, where->rule.connections, where->rule.log);
	if (where->result.verdict == WINDOW_RECYCLED)
		return 0;
	if (where->result.verdict == WINDOW_WITHIN) {
		window_mark_within(entry, where->rule.now, until_before);
		return 0;
	}
	if (where->result.verdict == WINDOW_CONTENDED)
		count_event(SLUICE_CONTENDED);
	count_up(&entry->over);
	return window_mark_over(entry, where->rule.now, where->result.release_ns);
}

static __always_inline void set_rule(struct located *where, const struct sluice_policy *policy, __u64 now,
				     __u32 log)
{
	where->rule.now = now;
	where->rule.per_ticks = policy->per_ticks;
	where->rule.connections = policy->connections;
	where->rule.log = log;
}

/* Whether some log or large window can hold its limit. */
static __always_inline int is_countable(const struct sluice_policy *policy)
{
	return policy->connections <= log_capacity || policy->connections > SLUICE_MAX_LIMIT;
}

/* Whether the source is over at this moment, without an attempt. The log decides, so a limit that was
 * raised since ends it. */
__noinline int is_over_now(struct located *where)
{
	struct sluice_source *entry;
	struct sluice_large *large;
	__u32 index;

	if (!where)
		return 0;
	index = where->index - 1;
	entry = bpf_map_lookup_elem(&sources, &index);
	if (!entry || WINDOW_READ(entry->until_ns) <= where->rule.now || !where->rule.connections)
		return 0;
	if (where->rule.connections <= SLUICE_MAX_LIMIT) {
		try_window(where, where->rule.connections, 0);
		return where->result.verdict == WINDOW_OVER;
	}
	index = (__u32)find_large(where, where->rule.per_ticks, where->rule.now);
	if (!index)
		return 0;
	index--;
	large = bpf_map_lookup_elem(&larges, &index);
	return large && large_count(large, where->rule.per_ticks, where->rule.now) >= where->rule.connections;
}

#endif
