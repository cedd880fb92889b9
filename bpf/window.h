/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * attempt -> count: the exact sliding log of one source and service. Pure arithmetic on
 * struct sluice_source with the time given; compiled into the BPF program and natively into
 * the tests and into everything in userspace that reads an entry.
 *
 * The log is a ring of `capacity` places. Every logged attempt takes the next position; the
 * record in a place is
 *
 *	slot = time in ticks << 8 | lowest byte of the lap that wrote it
 *
 * and `head` names the next position, lap << 8 | index, laps counting from 1. So a reader can
 * tell from the slot alone whether it holds the record it expects: no second look at head,
 * no order of loads is relied on.
 *
 * Why no window of length `per` ever passes more than n attempts, on any number of CPUs:
 *  (a) a position is written once, by the compare-and-exchange that replaces the record one
 *      lap older; when it succeeds, no later position has been written yet (head moves past a
 *      position only after it is written), so the record n positions back, n <= capacity, is
 *      still the one that was checked;
 *  (b) the record is max(own time rounded up, record before), so records never fall along
 *      the positions;
 *  (c) an attempt passes only if its exchange won and its own time, rounded down, is at least
 *      `per` after the record n positions back.
 * Take n + 1 passes at positions p0 < ... < pn. Then pn >= p0 + n, and by (c) and (b)
 * time(pn) >= record(pn - n) + per >= record(p0) + per >= time(p0) + per. The argument does not
 * need wall order, so no interleaving breaks it. Rounding makes a window longer by less than
 * three ticks (768 ns), never shorter.
 *
 * Recycling can leave a hole: a CPU that still holds a pointer to the entry's former life moves head
 * on, or has its record taken back after head has passed it. A hole is known by its foreign lap
 * byte while head stands still; it is written over like a free place, and counts as no attempt,
 * so that it costs at most one attempt more or less and never shuts anybody out.
 *
 * A lap's byte comes round after 256 laps: mistaking a record would take 256 x capacity
 * attempts of one source between two neighbouring instructions.
 */
#ifndef SLUICE_WINDOW_H
#define SLUICE_WINDOW_H

#include "abi.h"
#include "opaque.h"

#ifndef __always_inline
#define __always_inline inline __attribute__((always_inline))
#endif

/*
 * How often an attempt that loses the race for a place tries the next one. A lost turn is a place
 * that another attempt took while this one was under way; as many turns as the largest limit, so
 * who loses them all has seen so many attempts in this instant that no limit allows one more.
 */
#define WINDOW_TRIES SLUICE_MAX_LIMIT
#define WINDOW_MARK_TRIES 8

#define WINDOW_FIRST_HEAD (1ULL << 8) /* lap 1, index 0 */

/* Ticks, rounded down and up. Records are rounded up, the present down: never early. */
static __always_inline __u64 window_floor(__u64 ns)
{
	return ns >> SLUICE_TICK_SHIFT;
}

static __always_inline __u64 window_ceil(__u64 ns)
{
	return (ns + SLUICE_TICK_NS - 1) >> SLUICE_TICK_SHIFT;
}

enum window_verdict {
	WINDOW_WITHIN = 0,
	WINDOW_OVER,
	WINDOW_CONTENDED, /* lost WINDOW_TRIES races: that many attempts came in this instant */
	WINDOW_RECYCLED,  /* the entry belongs to another source now; nothing was left in it */
};

struct window_result {
	__u64 release_ns; /* WINDOW_OVER: when the next attempt would be within; else 0 */
	__u64 position;	  /* in the log, if it was logged: lap << 8 | index */
	__u32 verdict;
	__u32 count; /* large.h: attempts in the window */
};

/* What may be written to the log. */
#define WINDOW_LOG_WITHIN 1
#define WINDOW_LOG_OVER 2

#define WINDOW_READ(place) (*(const volatile __u64 *)&(place))
#define WINDOW_READ32(place) (*(const volatile __u32 *)&(place))
#define WINDOW_CAS(place, from, to) (__sync_val_compare_and_swap(&(place), (from), (to)) == (from))

struct window_place {
	__u64 lap;
	__u32 index;
	__u32 pad;
};

/* The place `back` positions (0 <= back <= capacity) before this one; lap 0 means "never was". */
static __always_inline struct window_place window_before(struct window_place at, __u32 back, __u32 capacity)
{
	__s32 index = (__s32)(at.index - back), wrapped;

	/* without a branch: the verifier would follow both, in every turn of the loop */
	OPAQUE(index);
	wrapped = index >> 31;
	at.index = (__u32)index + (capacity & (__u32)wrapped);
	at.lap += (__u64)(__s64)wrapped;
	return at;
}

static __always_inline __u64 window_slot(const struct sluice_source *entry, __u32 index, __u32 capacity)
{
	OPAQUE(index);
	if (index >= capacity)
		return 0;
	return WINDOW_READ(entry->slots[index]);
}

/* Whether `slot` holds the record that position `at` wrote. */
static __always_inline int window_holds(__u64 slot, struct window_place at)
{
	return at.lap && (__u8)slot == (__u8)at.lap;
}

/* Moves head past `at`; when another CPU has done so already, nothing happens. */
static __always_inline void window_advance(struct sluice_source *entry, struct window_place at,
					   __u32 capacity)
{
	__u64 from = at.lap << 8 | at.index;
	__u64 to = at.index + 1 < capacity ? from + 1 : (at.lap + 1) << 8;

	if (!to) /* laps wrap to the next one with the same lowest byte: lap 0 would mean "never was" */
		to = 256ULL << 8;
	(void)__sync_val_compare_and_swap(&entry->head, from, to);
}

/* Whether head has left the position that `head` names. With a full barrier: looks at slots come first. */
static __always_inline int window_moved_on(struct sluice_source *entry, __u64 head)
{
	return __sync_val_compare_and_swap(&entry->head, head, head) != head;
}

/*
 * One attempt at now_ns of the source whose entry this is.
 *
 * connections: 1 .. capacity, or 0 when nothing limits it (then it is always within).
 * log: WINDOW_LOG_* bits; an attempt that is not logged leaves no trace.
 * life: what the entry must carry, before and after the write.
 */
static __always_inline struct window_result window_attempt(struct sluice_source *entry, __u32 life,
							   __u32 capacity, __u32 connections, __u64 per_ticks,
							   __u64 now_ns, __u32 log)
{
	struct window_result result = {0, 0, WINDOW_CONTENDED, 0};
	__u64 now = window_floor(now_ns), stamp = window_ceil(now_ns);

#pragma GCC unroll 1
	for (__u32 turn = 0; turn < WINDOW_TRIES; turn++) {
		__u64 head = WINDOW_READ(entry->head);
		struct window_place here = {head >> 8, (__u32)(head & 0xff), 0};
		struct window_place oldest = window_before(here, connections, capacity);
		struct window_place previous = window_before(here, 1, capacity);
		__u64 free_slot, oldest_slot, record, before, release = 0;
		__u32 over = 0, index = here.index;

		OPAQUE(index);
		if (index >= capacity) { /* never; fails open */
			result.verdict = WINDOW_RECYCLED;
			break;
		}
		free_slot = WINDOW_READ(entry->slots[index]);
		if ((__u8)free_slot != (__u8)(here.lap - 1) &&
		    ((__u8)free_slot == (__u8)here.lap || window_moved_on(entry, head))) {
			/* taken already, and head perhaps not moved on yet: help */
			window_advance(entry, here, capacity);
			continue;
		}
		if (connections && oldest.lap) {
			oldest_slot = window_slot(entry, oldest.index, capacity);
			if (window_holds(oldest_slot, oldest)) {
				release = (oldest_slot >> 8) + per_ticks;
				over = now < release;
			} else if (window_moved_on(entry, head)) {
				continue;
			} /* else a hole, see above: as if there had been no such attempt */
		}
		result.release_ns = over ? release << SLUICE_TICK_SHIFT : 0;
		if (!(log & (over ? WINDOW_LOG_OVER : WINDOW_LOG_WITHIN))) {
			result.verdict = over ? WINDOW_OVER : WINDOW_WITHIN;
			break;
		}
		record = stamp;
		before = window_slot(entry, previous.index, capacity);
		if (window_holds(before, previous) && (before >> 8) > record)
			record = before >> 8;
		record = record << 8 | (__u8)here.lap;

		if (WINDOW_READ32(entry->life) != life) {
			result.verdict = WINDOW_RECYCLED;
			break;
		}
		if (!WINDOW_CAS(entry->slots[index], free_slot, record)) {
			window_advance(entry, here, capacity);
			continue;
		}
		if (WINDOW_READ32(entry->life) != life) {
			/* recycled between the two looks: take the record back out of the stranger's log */
			(void)__sync_val_compare_and_swap(&entry->slots[index], record, free_slot);
			result.verdict = WINDOW_RECYCLED;
			break;
		}
		window_advance(entry, here, capacity);
		result.position = head;
		result.verdict = over ? WINDOW_OVER : WINDOW_WITHIN;
		if (over) {
			/* the connections-th latest logged attempt is one position further now */
			struct window_place next = window_before(here, connections - 1, capacity);
			__u64 slot = connections == 1 ? record : window_slot(entry, next.index, capacity);

			if (window_holds(slot, next))
				result.release_ns = ((slot >> 8) + per_ticks) << SLUICE_TICK_SHIFT;
		}
		break;
	}
	if (result.verdict != WINDOW_OVER)
		result.release_ns = 0;
	return result;
}

/*
 * Keeps until_ns and since up to an attempt that was over. Returns 1 on the edge: the source
 * was not over before. Exactly one CPU sees the edge, because the exchange decides.
 */
static __always_inline int window_mark_over(struct sluice_source *entry, __u64 now_ns, __u64 release_ns)
{
#pragma GCC unroll 1
	for (__u32 turn = 0; turn < WINDOW_MARK_TRIES; turn++) {
		__u64 until = WINDOW_READ(entry->until_ns);

		if (until >= release_ns)
			return 0;
		if (!WINDOW_CAS(entry->until_ns, until, release_ns))
			continue;
		if (until > now_ns)
			return 0;
		entry->since = sluice_coarse(now_ns);
		if (entry->times_over != 0xffff)
			entry->times_over++;
		return 1;
	}
	return 0;
}

/*
 * An attempt was within although until_ns (read before the attempt) lies ahead: the limit was
 * raised since. Takes the old release moment back, unless it has moved on meanwhile.
 */
static __always_inline void window_mark_within(struct sluice_source *entry, __u64 now_ns, __u64 until_before)
{
	if (until_before > now_ns)
		(void)__sync_val_compare_and_swap(&entry->until_ns, until_before, 0);
}

/*
 * For readers: the release moment (ns) that the log gives under a limit, 0 if fewer than
 * `connections` attempts are logged. Reads a copy or a live entry; a torn copy gives a moment
 * that was true for an attempt just before or after.
 */
static __always_inline __u64 window_release_ns(const struct sluice_source *entry, __u32 capacity,
					       __u32 connections, __u64 per_ticks)
{
	struct window_place here = {entry->head >> 8, (__u32)(entry->head & 0xff), 0};
	struct window_place nth = window_before(here, connections, capacity);

	if (!connections || connections > capacity || !nth.lap)
		return 0;
	/* when the log is full, the copy may hold a record that is newer than its head: then the next one is meant */
	if (!window_holds(window_slot(entry, nth.index, capacity), nth))
		nth = window_before(here, connections - 1, capacity);
	return ((window_slot(entry, nth.index, capacity) >> 8) + per_ticks) << SLUICE_TICK_SHIFT;
}

/* For readers: logged attempts in the last per_ticks before now_ns, at most `capacity`. */
static __always_inline __u32 window_count(const struct sluice_source *entry, __u32 capacity, __u64 per_ticks,
					  __u64 now_ns)
{
	struct window_place here = {entry->head >> 8, (__u32)(entry->head & 0xff), 0};
	__u32 count = 0;

	while (count < capacity) {
		struct window_place at = window_before(here, count + 1, capacity);

		if (!at.lap ||
		    (window_slot(entry, at.index, capacity) >> 8) + per_ticks <= window_floor(now_ns))
			break;
		count++;
	}
	return count;
}

#endif
