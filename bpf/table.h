/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * source -> its element in the table: where it may be, how it is recognised, who makes room for
 * whom. Pure; compiled into the BPF program and natively into the reader of the table and tests.
 *
 * A set-associative table in two plain arrays instead of the kernel's LRU hash, because that one
 * takes a lock, costs 64 bytes an entry beside the value, recycles entries long before it is full
 * (kernels before mid-2025), and evicts who was seen longest ago, whoever fills it: a flood from
 * random addresses would push out exactly those whom the limit is for.
 *
 * Each key has two sets of 16 ways. Who is looked for in both is found, wherever room was when the
 * entry was made; so the table fills almost to its last element before anybody is refused.
 */
#ifndef SLUICE_TABLE_H
#define SLUICE_TABLE_H

#include "abi.h"
#include "opaque.h"

#ifndef __always_inline
#define __always_inline inline __attribute__((always_inline))
#endif

#define TABLE_AGE_BITS 10
#define TABLE_AGE_MASK 0x3ffU
#define TABLE_TIER_SHIFT 10
#define TABLE_TAG_SHIFT 12

struct table_place {
	__u32 spread[2]; /* 32 bits each: choose the sets, see table_set() */
	__u32 tag;	 /* 20 bits, in place; never 0 */
	__u32 group;	 /* 32 bits: chooses the group of memories and larges */
	__u64 owner;	 /* fingerprint of the key, never 0 */
};

static __always_inline __u64 table_mix(__u64 x)
{
	/* the finaliser of splitmix64 (Steele, Lea, Flood 2014) */
	x ^= x >> 30;
	x *= 0xbf58476d1ce4e5b9ULL;
	x ^= x >> 27;
	x *= 0x94d049bb133111ebULL;
	return x ^ x >> 31;
}

/*
 * The seed is secret and random, so that nobody can choose addresses that share a set: 32 of them
 * would do to keep a neighbour out.
 */
static __always_inline void table_place_of(const struct sluice_source_key *key, __u64 seed,
					   struct table_place *place)
{
	__u64 high = (__u64)key->addr[0] << 32 | key->addr[1];
	__u64 low = (__u64)key->addr[2] << 32 | key->addr[3];
	__u64 hash = table_mix(high ^ seed);

	hash = table_mix(hash + low + ((__u64)key->prefix_len << 56 | (__u64)key->service << 48));
	place->spread[0] = (__u32)hash;
	place->tag = (__u32)(hash >> 32) & ~0xfffU;
	if (!place->tag)
		place->tag = 1U << TABLE_TAG_SHIFT;
	hash = table_mix(hash + 0x9e3779b97f4a7c15ULL);
	place->spread[1] = (__u32)hash;
	place->group = (__u32)(hash >> 32);
	place->owner = hash | 1;
}

static __always_inline __u32 table_set(const struct table_place *place, int which, __u32 sets)
{
	return (__u32)(((__u64)place->spread[which] * sets) >> 32);
}

/* The first of eight blocks among which this source's one is. */
static __always_inline __u32 table_block(const struct table_place *place, __u32 groups)
{
	return (__u32)(((__u64)place->group * groups) >> 32) * SLUICE_GROUP;
}

/* Age: coarse time in units that depend on how long a source is of interest. */
static __always_inline __u32 table_age(__u64 now_ns, __u32 age_shift)
{
	return (__u32)(now_ns >> age_shift) & TABLE_AGE_MASK;
}

/* 1024 units cover at least eight times the retention; at least 2^24 ns each. */
static __always_inline __u32 table_age_shift(__u64 retention_ns)
{
	__u32 shift = 24;

	while (shift < 50 && (retention_ns >> shift) >= 128)
		shift++;
	return shift;
}

static __always_inline __u32 table_way(__u32 tag, __u32 tier, __u32 age)
{
	return tag | tier << TABLE_TIER_SHIFT | age;
}

static __always_inline __u32 table_tier(__u32 way)
{
	return way >> TABLE_TIER_SHIFT & 3;
}

/* How long ago a way was used, in units of age. */
static __always_inline __u32 table_idle(__u32 way, __u32 age)
{
	return (age - way) & TABLE_AGE_MASK;
}

/*
 * How gladly a way is given up: free before expired before live; expired by idleness; live ones by
 * tier, then by idleness. At least 1.
 */
#define TABLE_WORTH_FREE 0xffff
#define TABLE_WORTH_EXPIRED 0x8000 /* at least: nobody is interested in it any more */
static __always_inline __u32 table_worth(__u32 way, __u32 age, __u32 retention_age)
{
	__u32 idle = table_idle(way, age), tier = table_tier(way);

	if (!way)
		return TABLE_WORTH_FREE;
	if (idle > retention_age)
		return TABLE_WORTH_EXPIRED + idle;
	return (4 - tier) << TABLE_AGE_BITS | idle;
}

/* Whether a newcomer may have a live way of this tier. */
static __always_inline int table_may_evict(__u32 tier, __u32 newcomer_tier)
{
	return tier < newcomer_tier || (tier == newcomer_tier && tier != SLUICE_TIER_OVER);
}

static __always_inline int table_is(const struct sluice_source *entry, const struct sluice_source_key *key)
{
	return entry->addr[3] == key->addr[3] && entry->addr[2] == key->addr[2] &&
	       entry->addr[1] == key->addr[1] && entry->addr[0] == key->addr[0] &&
	       entry->prefix_len == key->prefix_len && entry->service == key->service;
}

/* Of one key and one moment of birth; never 0. */
static __always_inline __u32 table_life(__u64 owner, __u64 now_ns)
{
	return (__u32)table_mix(owner ^ now_ns) | 1;
}

#endif
