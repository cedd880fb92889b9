/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * attempt -> count, for limits above 64 and up to 10,000 connections: a bounded approximation in
 * constant space. Pure arithmetic on struct sluice_large with the time given; compiled into the
 * BPF program and natively.
 *
 * Time is cut into buckets of w = per / 32, rounded up to ticks. `head` holds the latest bucket b
 * and how many attempts are counted in the buckets b - 32 .. b; buckets[k & 63] holds the number k
 * and how many of those are in it.
 *
 * Bound, one: no window of length `per` passes more than n. An attempt at time t in bucket b passes
 * only if its exchange of `head` won and fewer than n were counted in b - 32 .. b. Whatever came
 * after t - per is in one of these buckets, because 32 w >= per. And head, a single word that is
 * exchanged, makes any two admissions see each other; buckets only ever rise, because an attempt
 * with an earlier clock is counted in the latest bucket.
 * Bound, two: nobody is over who would not be with per * 33/32 (and a tick): an attempt in bucket k
 * counts until time (k + 33) w, which is at most 33 w after it.
 *
 * An attempt adds itself to its bucket after the exchange; whoever takes that bucket out of the sum
 * comes at least `per` later, so the two cannot meet unless a CPU stands still that long; then one
 * attempt is counted until the source was quiet for one `per`.
 */
#ifndef SLUICE_LARGE_H
#define SLUICE_LARGE_H

#include "window.h"

#define LARGE_SPAN 32U
#define LARGE_COUNT_BITS 24
#define LARGE_COUNT_MASK 0xffffffULL
#define LARGE_MOST 0x7fffffULL /* more are not counted: it is over all the same */
#define LARGE_TRIES 64

static __always_inline __u64 large_width(__u64 per_ticks)
{
	return (per_ticks + LARGE_SPAN - 1) / LARGE_SPAN;
}

/*
 * All ones if bucket and number agree, else 0. The loops below have no branches, because the verifier
 * would follow each of them in every turn.
 */
static __always_inline __u64 large_mask(__u64 bucket, __u64 number)
{
	__u64 mask = -((((bucket >> LARGE_COUNT_BITS) ^ number) - 1) >> 63);

	OPAQUE(mask);
	return mask;
}

static __always_inline __u64 large_minus(__u64 sum, __u64 count)
{
	__u64 keep = ~-((sum - count) >> 63); /* never below 0 */

	OPAQUE(keep);
	return (sum - count) & keep;
}

/* What of the sum at `head` is left at bucket `to` >= its own. */
static __always_inline __u64 large_sum_at(const struct sluice_large *large, __u64 head, __u64 to)
{
	__u64 latest = head >> LARGE_COUNT_BITS, sum = head & LARGE_COUNT_MASK;
	__u64 gone = to - latest; /* so many of the oldest buckets leave */

	if (gone > LARGE_SPAN)
		return 0;
#pragma GCC unroll 1
	for (__u64 i = 0; i < LARGE_SPAN; i++) {
		__u64 number = latest - LARGE_SPAN + i, leaves = -((i - gone) >> 63);
		__u64 bucket = WINDOW_READ(large->buckets[number & (SLUICE_LARGE_BUCKETS - 1)]);

		OPAQUE(leaves);
		sum = large_minus(sum, bucket & LARGE_COUNT_MASK & large_mask(bucket, number) & leaves);
	}
	return sum;
}

/*
 * One more in bucket `number`. A bucket changes its number once in 64 times its width, so between
 * the two steps it cannot.
 */
static __always_inline void large_add(struct sluice_large *large, __u64 number)
{
	__u64 *bucket = &large->buckets[number & (SLUICE_LARGE_BUCKETS - 1)];
	__u64 seen = WINDOW_READ(*bucket);

	if (seen >> LARGE_COUNT_BITS != number && WINDOW_CAS(*bucket, seen, number << LARGE_COUNT_BITS | 1))
		return;
	__sync_fetch_and_add(bucket, 1);
}

/* The tick at which fewer than `connections` of the `sum` at `latest` are left, all else quiet. */
static __always_inline __u64 large_release_tick(const struct sluice_large *large, __u64 latest, __u64 sum,
						__u32 connections, __u64 width)
{
	__u64 number = latest - LARGE_SPAN, leaving = number;

#pragma GCC unroll 1
	for (__u32 i = 0; i <= LARGE_SPAN; i++, number++) {
		__u64 bucket = WINDOW_READ(large->buckets[number & (SLUICE_LARGE_BUCKETS - 1)]);
		__u64 too_many = ~-((sum - connections) >> 63);

		OPAQUE(too_many);
		leaving = (leaving & ~too_many) | (number & too_many);
		sum = large_minus(sum, bucket & LARGE_COUNT_MASK & large_mask(bucket, number) & too_many);
	}
	return (leaving + LARGE_SPAN + 1) * width;
}

/* One turn of large_attempt(): 1 if it is decided, 0 if another attempt came between. */
static __always_inline int large_turn(struct sluice_large *large, __u32 connections, __u64 per_ticks,
				      __u64 now_ns, __u32 log, struct window_result *result)
{
	__u64 width = large_width(per_ticks), head = WINDOW_READ(large->head), latest, sum;
	__u32 over, logged;

	if (!width)
		width = 1;
	latest = window_floor(now_ns) / width;
	if (latest < head >> LARGE_COUNT_BITS)
		latest = head >> LARGE_COUNT_BITS;
	sum = large_sum_at(large, head, latest);
	over = sum >= connections;
	logged = !!(log & (over ? WINDOW_LOG_OVER : WINDOW_LOG_WITHIN)) && sum < LARGE_MOST;
	if (logged) {
		if (!WINDOW_CAS(large->head, head, latest << LARGE_COUNT_BITS | (sum + 1)))
			return 0;
		large_add(large, latest);
	}
	result->verdict = over ? WINDOW_OVER : WINDOW_WITHIN;
	result->count = (__u32)sum + logged;
	result->release_ns = over ? large_release_tick(large, latest, sum + logged, connections, width)
					<< SLUICE_TICK_SHIFT
				  : 0;
	return 1;
}

/* Like window_attempt(). `log`: WINDOW_LOG_*. The program has the same loop around a function of its own. */
static __always_inline struct window_result large_attempt(struct sluice_large *large, __u32 connections,
							  __u64 per_ticks, __u64 now_ns, __u32 log)
{
	struct window_result result = {0, 0, WINDOW_CONTENDED, 0};

#pragma GCC unroll 1
	for (int turn = 0; turn < LARGE_TRIES; turn++)
		if (large_turn(large, connections, per_ticks, now_ns, log, &result))
			break;
	return result;
}

/* For readers: attempts counted at now_ns. */
static __always_inline __u32 large_count(const struct sluice_large *large, __u64 per_ticks, __u64 now_ns)
{
	__u64 width = large_width(per_ticks), head = WINDOW_READ(large->head), now;

	if (!width)
		return 0;
	now = window_floor(now_ns) / width;
	if (now < head >> LARGE_COUNT_BITS)
		now = head >> LARGE_COUNT_BITS;
	return (__u32)large_sum_at(large, head, now);
}

/* For readers: the release moment (ns) if it is over at now_ns under this limit, else 0. */
static __always_inline __u64 large_release_ns(const struct sluice_large *large, __u32 connections,
					      __u64 per_ticks, __u64 now_ns)
{
	__u64 width = large_width(per_ticks), latest = WINDOW_READ(large->head) >> LARGE_COUNT_BITS;
	__u32 sum = large_count(large, per_ticks, now_ns);

	if (!width || sum < connections)
		return 0;
	if (latest < window_floor(now_ns) / width)
		latest = window_floor(now_ns) / width;
	return large_release_tick(large, latest, sum, connections, width) << SLUICE_TICK_SHIFT;
}

#endif
