/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * source -> entry: finds it in the table, makes it, and says who makes room for whom. table.h has
 * the arithmetic, this file the maps.
 *
 * Finding takes no lock. Making an entry takes the guard of the key's first set, tried a bounded
 * number of times, because two CPUs that each made one for the same source would count to twice its
 * limit. Nobody waits for long: a packet that does not get the guard passes and is counted.
 */
#ifndef SLUICE_SOURCES_H
#define SLUICE_SOURCES_H

#include "classify.h"
#include "pending.h"
#include "window.h"

#define GUARD_TRIES 1024 /* some 10 us */
#define GUARD_STALE_NS 1000000000ULL

/* What an attempt is counted by. */
struct rule {
	__u64 now;
	__u64 per_ticks;
	__u32 connections;
	__u32 log; /* WINDOW_LOG_* */
};

/*
 * Where an address stands, its entry if there is one, and what counting found. It is handed down a
 * chain of functions that have 512 bytes of stack together, so it lies in map `scratch`, one for each
 * CPU and program: neither interrupts itself.
 */
struct located {
	struct sluice_source_key key;
	__u32 index; /* of its entry, plus 1; 0: there is none */
	struct table_place place;
	__u32 life;   /* of the entry, as found */
	__u32 memory; /* its block of memory, plus 1; 0: none */
	__u16 class_id;
	__u8 exempt;
	__u8 banned;
	struct rule rule;
	struct window_result result;
};

struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, 2);
	__type(key, __u32);
	__type(value, struct located);
} scratch SEC(".maps");

static __always_inline struct located *scratch_of(const struct moment *at)
{
	__u32 which = !at->ifindex; /* seen by its socket */

	return bpf_map_lookup_elem(&scratch, &which);
}

/*
 * Functions below are global (not static) on purpose, and take elements by their index: the verifier
 * then checks each once, for any arguments, instead of once for every way that leads to it.
 */

/* Bit w is set where way w carries the tag. Without branches, which the verifier would follow. */
static __always_inline __u32 ways_with(const struct sluice_set *set, __u32 tag)
{
	__u32 found = 0;

#pragma unroll
	for (int w = 0; w < SLUICE_WAYS; w++) {
		__u64 differs = (set->way[w] ^ tag) >> TABLE_TAG_SHIFT;

		found |= (__u32)((differs - 1) >> 63) << w;
	}
	return found;
}

static __always_inline __u32 lowest_bit(__u32 bits)
{
	__u32 low = bits & -bits;

	return (!!(low & 0xff00) << 3) | (!!(low & 0xf0f0) << 2) | (!!(low & 0xcccc) << 1) | !!(low & 0xaaaa);
}

/* The element (plus 1) that holds this key, 0 if none of this set does. Two keys of a set share a
 * tag once in a million; three are not looked for further than the second. */
static __always_inline __u32 search_set(void *set_map, void *source_map, __u32 number, __u32 tag,
					const struct sluice_source_key *key)
{
	struct sluice_set *set = bpf_map_lookup_elem(set_map, &number);
	__u32 found;

	if (!set)
		return 0;
	found = ways_with(set, tag);
#pragma GCC unroll 1
	for (int i = 0; i < 3 && found; i++) {
		__u32 index = number * SLUICE_WAYS + lowest_bit(found);
		struct sluice_source *entry = bpf_map_lookup_elem(source_map, &index);

		if (entry && table_is(entry, key))
			return index + 1;
		found &= found - 1;
	}
	return 0;
}

__noinline int place_source(struct located *where)
{
	if (!where)
		return 0;
	table_place_of(&where->key, hash_seed, &where->place);
	return 1;
}

__noinline int search_live(struct located *where, __u32 which)
{
	if (!where)
		return 0;
	return (int)search_set(&sets, &sources, table_set(&where->place, which & 1, set_count),
			       where->place.tag, &where->key);
}

__noinline int search_old(struct located *where, __u32 which)
{
	if (!where)
		return 0;
	return (int)search_set(&old_sets, &old_sources, table_set(&where->place, which & 1, old_set_count),
			       where->place.tag, &where->key);
}

/* The element (plus 1) of this key; 0: there is none. */
static __always_inline int find_source(struct located *where)
{
	where->index = (__u32)search_live(where, 0);
	if (!where->index)
		where->index = (__u32)search_live(where, 1);
	return (int)where->index;
}

/*
 * The best way of one set to give up: worth << 8 | way. table_worth() without branches: the verifier
 * would follow two to the sixteenth of them.
 */
__noinline int best_way(__u32 number, __u32 age, __u32 retention_age)
{
	struct sluice_set *set = bpf_map_lookup_elem(&sets, &number);
	__u64 best = 0;

	if (!set)
		return 0;
#pragma unroll
	for (int w = 0; w < SLUICE_WAYS; w++) {
		__u64 way = *(const volatile __u32 *)&set->way[w];
		__u64 idle = (age - way) & TABLE_AGE_MASK;
		__u64 is_free = -((way - 1) >> 63), is_expired = -((retention_age - idle) >> 63), less;
		__u64 worth = (4 - (way >> TABLE_TIER_SHIFT & 3)) << TABLE_AGE_BITS | idle;

		OPAQUE(is_free);
		OPAQUE(is_expired);
		worth = (worth & ~is_expired) | ((TABLE_WORTH_EXPIRED + idle) & is_expired);
		worth = (worth & ~is_free) | (TABLE_WORTH_FREE & is_free);
		worth = worth << 8 | w;
		less = -((best - worth) >> 63);
		OPAQUE(less);
		best ^= (best ^ worth) & less;
	}
	return (int)best;
}

/* Whether a live source may be evicted for an unverified newcomer now: so seldom that three of four stay
 * for as long as they are of interest, however many newcomers there are. */
static __always_inline int eviction_is_due(__u64 now, __u64 interval)
{
	__u32 which = SLUICE_PACE_EVICTIONS;
	__u64 *word = bpf_map_lookup_elem(&pace, &which);
	__u64 seen;

	if (!word)
		return 0;
	seen = WINDOW_READ(*word);
	return (now < seen || now - seen >= interval) && WINDOW_CAS(*word, seen, now);
}

/* Told to those who look at ACKs: some senders can only be known by their handshakes now. */
static __always_inline void note_refused(__u64 now)
{
	__u32 which = SLUICE_PACE_REFUSED;
	__u64 *word = bpf_map_lookup_elem(&pace, &which);

	count_event(SLUICE_SOURCES_REFUSED);
	/* many CPUs refuse many newcomers: written seldom, so that they can share it */
	if (word && (__s64)(now - WINDOW_READ(*word)) > (1LL << 27))
		*(volatile __u64 *)word = now;
}

static __always_inline int refused_lately(__u64 now)
{
	__u32 which = SLUICE_PACE_REFUSED;
	__u64 *word = bpf_map_lookup_elem(&pace, &which);
	__u64 seen = word ? WINDOW_READ(*word) : 0;

	return seen && (__s64)(now - seen) < (__s64)PENDING_LIFETIME_NS;
}

/* Takes over what the table before a reload knows of this source: its log and its numbers. */
__noinline int take_over_old(struct located *where, __u32 element)
{
	struct sluice_source *entry = bpf_map_lookup_elem(&sources, &element), *old;
	struct window_place head;
	__u32 index;
	__u64 logged;

	if (!where || !entry)
		return 0;
	logged = entry->until_ns; /* 0, which the verifier must not know, or it would follow every number */
	index = (__u32)search_old(where, 0);
	if (!index)
		index = (__u32)search_old(where, 1);
	if (!index)
		return 0;
	index--;
	old = bpf_map_lookup_elem(&old_sources, &index);
	if (!old)
		return 0;
	head.lap = old->head >> 8;
	head.index = (__u32)(old->head & 0xff);
	head.pad = 0;
#pragma GCC unroll 1
	for (__u32 back = SLUICE_MAX_LIMIT; back > 0; back--) {
		struct window_place at;
		__u64 slot;

		if (back > old_log_capacity)
			continue;
		at = window_before(head, back, old_log_capacity);
		slot = window_slot(old, at.index, old_log_capacity);
		OPAQUE(logged);
		if (window_holds(slot, at) && logged < log_capacity) {
			entry->slots[logged] = slot >> 8 << 8 | 1;
			logged++;
		}
	}
	entry->head = logged < log_capacity ? WINDOW_FIRST_HEAD + logged : 2ULL << 8;
	entry->until_ns = old->until_ns;
	entry->times_over = old->times_over;
	entry->attempts = old->attempts;
	entry->over = old->over;
	entry->last = old->last;
	entry->since = old->since;
	entry->class_id = old->class_id;
	entry->level = old->level;
	entry->sampled = old->sampled;
	entry->peak = old->peak;
	entry->pending[0] = old->pending[0];
	entry->pending[1] = old->pending[1];
	old->life = 0;
	old->prefix_len = 255; /* nobody's key: readers of both tables see it once */
	count_event(SLUICE_SOURCES_MOVED);
	return 1;
}

/*
 * The element is ours and no look-up leads to it by its old key any more: nothing is left of that one.
 * Nobody's key until publish().
 */
__noinline int clear_source(__u32 element, __u32 class_id)
{
	struct sluice_source *entry = bpf_map_lookup_elem(&sources, &element);

	if (!entry)
		return 0;
	(void)__sync_lock_test_and_set(&entry->life, 0);
	entry->prefix_len = 255;
	entry->times_over = 0;
	entry->until_ns = 0;
	entry->attempts = 0;
	entry->over = 0;
	entry->last = 0;
	entry->since = 0;
	entry->class_id = (__u16)class_id;
	entry->level = 0;
	entry->sampled = 0;
	entry->peak = 0;
	entry->blocks = 0;
	entry->pending[0] = 0;
	entry->pending[1] = 0;
	entry->head = WINDOW_FIRST_HEAD;
#pragma GCC unroll 1
	for (__u32 i = 0; i < SLUICE_MAX_LIMIT; i++) {
		__u32 slot = i;

		OPAQUE(slot);
		if (slot >= log_capacity)
			break;
		entry->slots[slot] = 0;
	}
	return 1;
}

/* From here on look-ups find it. */
static __always_inline void publish(struct located *where, __u64 now)
{
	__u32 element = where->index - 1;
	struct sluice_source *entry = bpf_map_lookup_elem(&sources, &element);

	if (!entry)
		return;
	entry->addr[0] = where->key.addr[0];
	entry->addr[1] = where->key.addr[1];
	entry->addr[2] = where->key.addr[2];
	entry->addr[3] = where->key.addr[3];
	entry->service = where->key.service;
	entry->prefix_len = where->key.prefix_len;
	(void)__sync_lock_test_and_set(&entry->life, table_life(where->place.owner, now));
}

/* Takes a way of one of the key's two sets for it. Under the guard. */
__noinline int claim_way(struct located *where, __u64 now, __u32 tier)
{
	__u32 zero = 0, age, retention_age, best, other, number, seen, way, worth;
	struct sluice_control *ctl = bpf_map_lookup_elem(&control, &zero);
	struct sluice_set *set;

	if (!ctl || !where)
		return 0;
	age = table_age(now, ctl->age_shift);
	retention_age = (__u32)(ctl->retention_ns >> ctl->age_shift) + 1;
	number = table_set(&where->place, 0, set_count);
	best = (__u32)best_way(number, age, retention_age);
	if (best >> 8 != TABLE_WORTH_FREE) {
		other = (__u32)best_way(table_set(&where->place, 1, set_count), age, retention_age);
		if (other >> 8 > best >> 8) {
			best = other;
			number = table_set(&where->place, 1, set_count);
		}
	}
	worth = best >> 8;
	set = bpf_map_lookup_elem(&sets, &number);
	if (!set || !worth)
		return 0;
	way = best & (SLUICE_WAYS - 1);
	OPAQUE(way);
	way &= SLUICE_WAYS - 1;
	seen = *(volatile __u32 *)&set->way[way];
	if (worth < TABLE_WORTH_EXPIRED) {
		if (!table_may_evict(table_tier(seen), tier))
			return -1;
		if (tier == SLUICE_TIER_UNVERIFIED && !eviction_is_due(now, ctl->evictions_ns))
			return -1;
	}
	if (__sync_val_compare_and_swap(&set->way[way], seen, table_way(where->place.tag, tier, age)) != seen)
		return 0; /* it was used at this very moment, or claimed by way of its other set */
	if (worth < TABLE_WORTH_EXPIRED)
		count_event(SLUICE_SOURCES_EVICTED);
	else if (worth != TABLE_WORTH_FREE)
		count_event(SLUICE_SOURCES_EXPIRED);
	where->index = number * SLUICE_WAYS + way + 1;
	return (int)where->index;
}

static __always_inline int is_moving(__u64 now)
{
	__u32 zero = 0;
	struct sluice_control *ctl = bpf_map_lookup_elem(&control, &zero);

	return ctl && now < ctl->moving_until_ns;
}

/* An entry for a key that has none. Under the guard. */
static __always_inline int make_unknown(struct located *where, __u64 now, __u32 tier)
{
	int index = claim_way(where, now, tier);

	if (index <= 0)
		return index;
	clear_source(where->index - 1, where->class_id);
	if (is_moving(now))
		take_over_old(where, where->index - 1);
	publish(where, now);
	count_event(SLUICE_SOURCES_NEW);
	return index;
}

/* A bounded try, 1 if it is ours; given back by give_guard(). */
__noinline int take_guard(__u32 index, __u64 now)
{
	__u64 *word = bpf_map_lookup_elem(&guards, &index);

	if (!word)
		return 0;
#pragma GCC unroll 1
	for (int i = 0; i < GUARD_TRIES; i++) {
		__u64 since = WINDOW_READ(*word);

		/* a holder ends with its program; older than that: what a machine left that stood still */
		if (since && (__s64)(now - since) < (__s64)GUARD_STALE_NS)
			continue;
		if (WINDOW_CAS(*word, since, now | 1))
			return 1;
	}
	return 0;
}

static __always_inline void give_guard(__u32 index)
{
	__u64 *word = bpf_map_lookup_elem(&guards, &index);

	if (word)
		(void)__sync_lock_test_and_set(word, 0);
}

/*
 * The element (plus 1) of this key, made if need be. 0: not now (counted by the caller as a failure),
 * -1: there is no room for a newcomer of this tier.
 */
__noinline int make_source(struct located *where, __u64 now, __u32 tier)
{
	__u32 guard;
	int index;

	if (!where)
		return 0;
	guard = table_set(&where->place, 0, set_count) & (SLUICE_GUARDS - 1);
	if (!take_guard(guard, now))
		return 0;
	/* somebody else may have made it before we got here */
	index = find_source(where);
	if (!index)
		index = make_unknown(where, now, tier);
	give_guard(guard);
	return index;
}

/* The way of an element is younger now, and of this tier at least. */
static __always_inline void touch_way(__u32 index, __u64 now, __u32 age_shift, __u32 tier)
{
	__u32 number = index / SLUICE_WAYS, way = index & (SLUICE_WAYS - 1);
	struct sluice_set *set = bpf_map_lookup_elem(&sets, &number);
	__u32 seen, next;

	if (!set)
		return;
	OPAQUE(way);
	way &= SLUICE_WAYS - 1;
	seen = *(volatile __u32 *)&set->way[way];
	if (!seen)
		return;
	if (tier < table_tier(seen))
		tier = table_tier(seen);
	next = table_way(seen >> TABLE_TAG_SHIFT << TABLE_TAG_SHIFT, tier, table_age(now, age_shift));
	if (next != seen)
		(void)__sync_val_compare_and_swap(&set->way[way], seen, next);
}

/* Where a ban is all that an entry may be made for. */
static __always_inline int is_exempt_class(__u32 half, __u32 class_id)
{
	__u32 index = sluice_policy_index(half, class_id, 0);
	struct sluice_policy *policy = bpf_map_lookup_elem(&policies, &index);

	return !policy || policy->action == SLUICE_ACTION_EXEMPT;
}

/*
 * Class, source and entry of the sender. An entry remembers its class, so that who is known costs
 * no look-up in the ranges: but only where all of its addresses must share one, and only since the
 * last reload. Returns SLUICE_OUTCOMES, or the outcome of a failure.
 */
__noinline int locate(struct packet *pkt, struct moment *at, struct located *where, __u32 service)
{
	struct placement place = {};
	struct sluice_policy *policy;
	struct sluice_control *ctl;
	struct sluice_source *entry;
	__u32 index, zero = 0, length;
	int words;

	if (!pkt || !at || !where)
		return SLUICE_FAILED_CONTROL;
	service &= SLUICE_MAX_SERVICES - 1;
	ctl = bpf_map_lookup_elem(&control, &zero);
	if (!ctl)
		return SLUICE_FAILED_CONTROL;
	where->index = 0;
	where->exempt = 0;
	where->banned = 0;
	length = is_mapped4(pkt) || counted_alone(pkt) ? 128 : at->flags & SLUICE_CONTROL_PLAIN6 ? 64 : 0;
	where->key.prefix_len = 0;
	where->key.pad[0] = 0;
	where->key.pad[1] = 0;
	where->key.service = (__u8)service;
	if (length) {
		mask_address(&where->key, pkt, length);
		place_source(where);
		if (find_source(where)) {
			index = where->index - 1;
			entry = bpf_map_lookup_elem(&sources, &index);
			words = overrides_of(pkt, at->now);
			if (entry && !is_exempt_class(at->half, entry->class_id) &&
			    sluice_from_coarse(WINDOW_READ32(entry->last), at->now) > ctl->trusted_ns &&
			    !(words & OVERRIDE_ALLOW)) { /* which must not be shorter than its range */
				where->class_id = entry->class_id;
				where->banned = !!(words & OVERRIDE_BAN);
				return SLUICE_OUTCOMES;
			}
		}
	}
	if (classify(pkt, at->half, at->now, &place))
		return SLUICE_FAILED_CLASS;
	where->class_id = place.class_id;
	where->exempt = place.exempt;
	where->banned = place.banned;
	if (place.exempt)
		return SLUICE_OUTCOMES;
	index = sluice_policy_index(at->half, place.class_id, service);
	policy = bpf_map_lookup_elem(&policies, &index);
	if (!policy)
		return SLUICE_FAILED_CONTROL;
	length = source_length(pkt, &place, policy);
	if (length == where->key.prefix_len && length)
		return SLUICE_OUTCOMES; /* looked for already */
	mask_address(&where->key, pkt, length);
	place_source(where);
	find_source(where);
	return SLUICE_OUTCOMES;
}

#endif
