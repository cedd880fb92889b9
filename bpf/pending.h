/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * attempt -> new, or the retransmission of one seen before. Pure arithmetic on one 64-bit record
 * for each connection that is being opened:
 *
 *	fingerprint (30) | first (16) | gap (15) | repeats (3)
 *
 * first: when the attempt came, gap: from then to its latest repetition, both in units of 2^22 ns
 * (4.2 ms). A record is 0 when free. `first` comes round after 275 s; until then whoever looks
 * takes expired records out, and a source that was idle for 130 s has all of its records forgotten,
 * so none is ever older than 260 s when it is looked at.
 *
 * A retransmission (DESIGN, words): source port, destination and ISN of an attempt that was let
 * through in the last 130 s, at least 0.5 s after the one before, and among the first 7, since
 * Linux repeats a SYN 6 times (tcp_syn_retries) over 127 s at most. Anything else with the same
 * tuple is a new attempt.
 *
 * What can be gained by imitation: each counted attempt may be repeated 6 times, so a bot that
 * re-uses its tuples opens at most 7 connections for one that is counted.
 */
#ifndef SLUICE_PENDING_H
#define SLUICE_PENDING_H

#include "table.h"

#define PENDING_UNIT_SHIFT 22
#define PENDING_LIFETIME_NS 130000000000ULL
/* Both moments of a difference are cut off to units; so lengths hold to one unit, 4.2 ms. */
#define PENDING_LIFETIME ((__u32)(PENDING_LIFETIME_NS >> PENDING_UNIT_SHIFT) + 1)
#define PENDING_GAP ((__u32)(500000000ULL >> PENDING_UNIT_SHIFT))
#define PENDING_REPEATS 6
#define PENDING_ENDED 7 /* completed: no repetition is forgiven any more */

#define PENDING_FIRST_BITS 16
#define PENDING_GAP_BITS 15
#define PENDING_FIRST_SHIFT (3 + PENDING_GAP_BITS)
#define PENDING_FINGERPRINT_SHIFT (PENDING_FIRST_SHIFT + PENDING_FIRST_BITS)

static __always_inline __u32 pending_now(__u64 now_ns)
{
	return (__u32)(now_ns >> PENDING_UNIT_SHIFT) & ((1U << PENDING_FIRST_BITS) - 1);
}

/* Secret, so that nobody can make two attempts look alike. 30 bits, never 0. */
static __always_inline __u64 pending_fingerprint(const __be32 *saddr, const __be32 *daddr, __u32 ports,
						 __u32 isn, __u64 seed)
{
	__u64 x = table_mix(seed ^ ((__u64)ports << 32 | isn));

	x = table_mix(x + ((__u64)saddr[2] << 32 | saddr[3]));
	x = table_mix(x + ((__u64)daddr[2] << 32 | daddr[3]) + ((__u64)saddr[0] << 32 | saddr[1]) * 3);
	x ^= (((__u64)daddr[0] << 32 | daddr[1]) * 0x9e3779b97f4a7c15ULL);
	x = table_mix(x) >> 34;
	return x ? x : 1;
}

static __always_inline __u64 pending_record(__u64 fingerprint, __u64 now_ns, __u32 repeats)
{
	return fingerprint << PENDING_FINGERPRINT_SHIFT | (__u64)pending_now(now_ns) << PENDING_FIRST_SHIFT |
	       repeats;
}

static __always_inline __u32 pending_age(__u64 record, __u64 now_ns)
{
	__u32 first = (__u32)(record >> PENDING_FIRST_SHIFT) & ((1U << PENDING_FIRST_BITS) - 1);

	return (pending_now(now_ns) - first) & ((1U << PENDING_FIRST_BITS) - 1);
}

static __always_inline int pending_is(__u64 record, __u64 fingerprint)
{
	return record >> PENDING_FINGERPRINT_SHIFT == fingerprint;
}

static __always_inline int pending_expired(__u64 record, __u64 now_ns)
{
	return pending_age(record, now_ns) > PENDING_LIFETIME;
}

/* The record after a retransmission now; 0: this is none, but a new attempt with an old tuple. */
static __always_inline __u64 pending_repeat(__u64 record, __u64 now_ns)
{
	__u32 age = pending_age(record, now_ns);
	__u32 gap = (__u32)(record >> 3) & ((1U << PENDING_GAP_BITS) - 1);
	__u32 repeats = (__u32)record & 7;

	if (age > PENDING_LIFETIME || age < gap + PENDING_GAP || repeats >= PENDING_REPEATS)
		return 0;
	record &= ~(((1ULL << PENDING_GAP_BITS) - 1) << 3 | 7);
	return record | (__u64)age << 3 | (repeats + 1);
}

#endif
