/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * attempt -> new, retransmission, or one that was counted already: the records of pending.h, two
 * in the entry itself and more in a block of `memories`, which only sources with several
 * connections at once and limited ones have.
 */
#ifndef SLUICE_MEMORY_H
#define SLUICE_MEMORY_H

#include "sources.h"

#define MEMORY_FRESH_NS (1ULL << 30) /* how exactly used_ns is kept */

enum search_result {
	SEARCH_NEW = 0,	 /* this tuple is not known, or its record has ended: it is a new attempt */
	SEARCH_REPEATED, /* a retransmission; its record says so now */
	SEARCH_KNOWN,	 /* ended: its handshake was counted */
};

static __always_inline __u32 search_record(__u64 *place, __u64 fingerprint, __u64 now)
{
	__u64 record = WINDOW_READ(*place), next;

	if (!record)
		return SEARCH_NEW;
	if (pending_expired(record, now)) {
		(void)__sync_val_compare_and_swap(place, record, 0);
		return SEARCH_NEW;
	}
	if (!pending_is(record, fingerprint))
		return SEARCH_NEW;
	if ((record & 7) == PENDING_ENDED)
		return SEARCH_KNOWN;
	next = pending_repeat(record, now);
	/* too soon or too often: the same tuple begins anew, so its old record goes */
	if (WINDOW_CAS(*place, record, next))
		return next ? SEARCH_REPEATED : SEARCH_NEW;
	return SEARCH_NEW;
}

static __always_inline __u32 memory_base(const struct located *where)
{
	return table_block(&where->place, memory_groups);
}

/* Finds the source's block of memory, if it has one: where->memory. */
static __always_inline void find_memory(struct sluice_source *entry, struct located *where, __u64 now)
{
	__u32 mine = entry->blocks & 0xf, index;
	struct sluice_memory *memory;

	where->memory = 0;
	if (!mine)
		return;
	index = memory_base(where) + ((mine - 1) & (SLUICE_GROUP - 1));
	memory = bpf_map_lookup_elem(&memories, &index);
	if (!memory || WINDOW_READ(memory->owner) != where->place.owner) {
		entry->blocks &= 0xf0;
		return;
	}
	if ((__s64)(now - memory->used_ns) > (__s64)MEMORY_FRESH_NS)
		memory->used_ns = now;
	where->memory = index + 1;
}

/* All records out of a block that changes hands. */
__noinline int clear_memory(__u32 index, __u64 now)
{
	struct sluice_memory *memory = bpf_map_lookup_elem(&memories, &index);

	if (!memory)
		return 0;
	memory->next = 0;
	memory->next_dropped = 0;
	memory->used_ns = now;
	for (__u32 i = 0; i < SLUICE_MEMORY_DROPPED; i++)
		memory->dropped[i] = 0;
#pragma GCC unroll 1
	for (__u32 i = 0; i < SLUICE_MAX_LIMIT; i++) {
		__u32 slot = i;

		OPAQUE(slot);
		if (slot >= memory_capacity)
			break;
		memory->let_through[slot] = 0;
	}
	return 1;
}

/*
 * Takes a block for the source: its index plus 1, or 0. `patient` 0: gives up at once if there was none
 * a moment ago; most likely there still is none, and looking costs eight cache misses.
 */
__noinline int make_memory(struct located *where, __u64 now, __u32 patient)
{
	__u32 which = SLUICE_PACE_MEMORIES, element, index;
	struct sluice_memory *memory;
	struct sluice_source *entry;
	__u64 *full, owner, used;

	if (!where)
		return 0;
	element = where->index - 1;
	entry = bpf_map_lookup_elem(&sources, &element);
	full = bpf_map_lookup_elem(&pace, &which);
	if (!entry || !full)
		return 0;
	used = WINDOW_READ(*full);
	if (!patient && used && (__s64)(now - used) < (__s64)MEMORY_FRESH_NS)
		return 0;
#pragma GCC unroll 1
	for (__u32 i = 0; i < SLUICE_GROUP; i++) {
		index = memory_base(where) + i;
		memory = bpf_map_lookup_elem(&memories, &index);
		if (!memory)
			return 0;
		owner = WINDOW_READ(memory->owner);
		used = WINDOW_READ(memory->used_ns);
		if (owner != where->place.owner) {
			if (owner && (__s64)(now - used) < (__s64)(PENDING_LIFETIME_NS + MEMORY_FRESH_NS))
				continue;
			if (!WINDOW_CAS(memory->owner, owner, where->place.owner))
				continue;
			clear_memory(index, now);
		}
		entry->blocks = (__u8)((entry->blocks & 0xf0) | (i + 1));
		where->memory = index + 1;
		return (int)where->memory;
	}
	*(volatile __u64 *)full = now;
	count_event(SLUICE_MEMORY_REFUSED);
	return 0;
}

/* A source idle for longer than any record lives has forgotten all of them. */
static __always_inline void forget_idle(struct sluice_source *entry, __u64 now)
{
	__u32 last = WINDOW_READ32(entry->last);

	if (last && now - sluice_from_coarse(last, now) <= PENDING_LIFETIME_NS)
		return;
	entry->pending[0] = 0;
	entry->pending[1] = 0;
	entry->blocks &= 0xf0;
}

/* What is known of this tuple among the attempts that were let through: enum search_result. */
__noinline int search_let_through(struct located *where, __u64 fingerprint, __u64 now)
{
	struct sluice_memory *memory;
	struct sluice_source *entry;
	__u32 index, result;

	if (!where)
		return SEARCH_NEW;
	index = where->index - 1;
	entry = bpf_map_lookup_elem(&sources, &index);
	if (!entry)
		return SEARCH_NEW;
	result = search_record(&entry->pending[0], fingerprint, now);
	if (!result)
		result = search_record(&entry->pending[1], fingerprint, now);
	if (result || !where->memory)
		return (int)result;
	index = where->memory - 1;
	memory = bpf_map_lookup_elem(&memories, &index);
	if (!memory)
		return SEARCH_NEW;
#pragma GCC unroll 1
	for (__u32 i = 0; i < SLUICE_MAX_LIMIT; i++) {
		__u32 slot = i;

		OPAQUE(slot);
		if (slot >= memory_capacity)
			break;
		result = search_record(&memory->let_through[slot], fingerprint, now);
		if (result)
			return (int)result;
	}
	return SEARCH_NEW;
}

__noinline int search_dropped(struct located *where, __u64 fingerprint, __u64 now)
{
	struct sluice_memory *memory;
	__u32 index, result;

	if (!where)
		return SEARCH_NEW;
	index = where->memory - 1;
	memory = bpf_map_lookup_elem(&memories, &index);
	if (!memory)
		return SEARCH_NEW;
#pragma GCC unroll 1
	for (__u32 i = 0; i < SLUICE_MEMORY_DROPPED; i++) {
		result = search_record(&memory->dropped[i], fingerprint, now);
		if (result)
			return (int)result;
	}
	return SEARCH_NEW;
}

/* The oldest record makes room where all are in use. */
__noinline int remember_let_through(struct located *where, __u64 record, __u64 now)
{
	struct sluice_memory *memory;
	struct sluice_source *entry;
	__u32 index, slot, older;

	if (!where)
		return 0;
	index = where->index - 1;
	entry = bpf_map_lookup_elem(&sources, &index);
	if (!entry)
		return 0;
	if (!WINDOW_READ(entry->pending[0]) && WINDOW_CAS(entry->pending[0], 0, record))
		return 1;
	if (!WINDOW_READ(entry->pending[1]) && WINDOW_CAS(entry->pending[1], 0, record))
		return 1;
	if (!where->memory && !make_memory(where, now, 1)) {
		older = pending_age(entry->pending[0], now) < pending_age(entry->pending[1], now);
		OPAQUE(older);
		entry->pending[older & 1] = record;
		return 0;
	}
	index = where->memory - 1;
	memory = bpf_map_lookup_elem(&memories, &index);
	if (!memory)
		return 0;
	slot = __sync_fetch_and_add(&memory->next, 1) % memory_capacity;
	OPAQUE(slot);
	if (slot < memory_capacity)
		*(volatile __u64 *)&memory->let_through[slot] = record;
	return 1;
}

__noinline int remember_dropped(struct located *where, __u64 record, __u64 now)
{
	struct sluice_memory *memory;
	__u32 index, slot;

	if (!where || (!where->memory && !make_memory(where, now, 0)))
		return 0;
	index = where->memory - 1;
	memory = bpf_map_lookup_elem(&memories, &index);
	if (!memory)
		return 0;
	slot = __sync_fetch_and_add(&memory->next_dropped, 1);
	OPAQUE(slot);
	slot &= SLUICE_MEMORY_DROPPED - 1;
	*(volatile __u64 *)&memory->dropped[slot] = record;
	return 1;
}

/* The handshake of an attempt that was counted is done: no repetition is forgiven any more. */
static __always_inline int end_one(__u64 *place, __u64 fingerprint)
{
	__u64 record = WINDOW_READ(*place);

	if (!record || !pending_is(record, fingerprint))
		return 0;
	(void)__sync_val_compare_and_swap(place, record, record | PENDING_ENDED);
	return 1;
}

/* Whether there was such an attempt. */
__noinline int end_record(struct located *where, __u64 fingerprint)
{
	struct sluice_memory *memory;
	struct sluice_source *entry;
	__u32 index;

	if (!where)
		return 0;
	index = where->index - 1;
	entry = bpf_map_lookup_elem(&sources, &index);
	if (!entry)
		return 0;
	if (end_one(&entry->pending[0], fingerprint) || end_one(&entry->pending[1], fingerprint))
		return 1;
	if (!where->memory)
		return 0;
	index = where->memory - 1;
	memory = bpf_map_lookup_elem(&memories, &index);
	if (!memory)
		return 0;
#pragma GCC unroll 1
	for (__u32 i = 0; i < SLUICE_MAX_LIMIT; i++) {
		__u32 slot = i;

		OPAQUE(slot);
		if (slot >= memory_capacity)
			break;
		if (end_one(&memory->let_through[slot], fingerprint))
			return 1;
	}
	return 0;
}

#endif
