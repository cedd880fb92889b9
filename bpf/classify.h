/* SPDX-License-Identifier: GPL-2.0-or-later */
/* attempt -> class: the longest range, allows and bans, and the source that an address counts as. */
#ifndef SLUICE_CLASSIFY_H
#define SLUICE_CLASSIFY_H

#include "common.h"
#include "parse.h"

#define NAT64_PREFIX bpf_htonl(0x0064ff9b) /* RFC 6052: 64:ff9b::/96, an IPv4 host in each address */

/* Expired words about one address that may lie inside each other until somebody clears them away. */
#define OVERRIDE_NESTING 4

/* What classifying an address yields. */
struct placement {
	__u16 class_id;
	__u8 prefix_len; /* of the longest range, 0 if none matched */
	__u8 exempt;
	__u8 banned;
};

/* A function of its own, so that the verifier does not follow its branches into all that comes after. */
__noinline int mask_address(struct sluice_source_key *key, const struct packet *pkt, __u32 length)
{
	if (!key || !pkt)
		return -1;
#pragma unroll
	for (int i = 0; i < 4; i++) {
		__s32 bits = (__s32)length - 32 * i;
		__u32 mask = bits >= 32 ? 0xffffffff : bits <= 0 ? 0 : ~(0xffffffffU >> bits);

		key->addr[i] = pkt->saddr[i] & bpf_htonl(mask);
	}
	key->prefix_len = (__u8)length;
	return 0;
}

/*
 * Whether a live word about this address is at least so long. A longer one that has expired, but
 * that nobody has taken out yet, must not hide a shorter one: so the walk goes on above it.
 */
static __always_inline int override_holds(void *map, struct sluice_lpm_key key, __u64 now, __u32 at_least)
{
#pragma GCC unroll 1
	for (int i = 0; i < OVERRIDE_NESTING; i++) {
		struct sluice_override *word = bpf_map_lookup_elem(map, &key);

		if (!word || word->prefix_len < at_least)
			return 0;
		if (word->until_ns > now)
			return 1;
		if (!word->prefix_len)
			return 0;
		key.prefix_len = word->prefix_len - 1;
	}
	return 0;
}

/*
 * The longest range decides class and action; an allow that is at least as long makes exempt.
 * The class `default` may be exempt too, but it is nobody's range: a ban holds there.
 * Returns 0, or -1 if no list is loaded.
 */
__noinline int classify(struct packet *pkt, __u32 half, __u64 now, struct placement *place)
{
	struct sluice_lpm_key key = {128, {0, 0, 0, 0}};
	struct sluice_class_ref *ref;
	struct sluice_policy *policy;
	__u32 index;
	void *list;

	if (!pkt || !place)
		return -1;
	__builtin_memcpy(key.addr, pkt->saddr, 16);
	list = bpf_map_lookup_elem(&ranges, &half);
	if (!list)
		return -1;
	ref = bpf_map_lookup_elem(list, &key);
	if (ref) {
		place->class_id = ref->class_id;
		place->prefix_len = ref->prefix_len;
	}
	index = sluice_policy_index(half, place->class_id, 0);
	policy = bpf_map_lookup_elem(&policies, &index);
	if (!policy)
		return -1;
	if (policy->action == SLUICE_ACTION_EXEMPT && ref)
		place->exempt = 1;
	else if (override_holds(&allows, key, now, place->prefix_len))
		place->exempt = 1;
	else if (override_holds(&bans, key, now, 0))
		place->banned = 1;
	else if (policy->action == SLUICE_ACTION_EXEMPT)
		place->exempt = 1;
	return 0;
}

#define OVERRIDE_ALLOW 1
#define OVERRIDE_BAN 2
/* Which live words there are about this address, of whatever length. */
__noinline int overrides_of(struct packet *pkt, __u64 now)
{
	struct sluice_lpm_key key = {128, {0, 0, 0, 0}};
	int words;

	if (!pkt)
		return 0;
	__builtin_memcpy(key.addr, pkt->saddr, 16);
	words = override_holds(&allows, key, now, 0) ? OVERRIDE_ALLOW : 0;
	return override_holds(&bans, key, now, 0) ? words | OVERRIDE_BAN : words;
}

/* Whether neighbours in a prefix are strangers whatever the class says: NAT64 and link-local. */
static __always_inline int counted_alone(const struct packet *pkt)
{
	return (pkt->saddr[0] == NAT64_PREFIX && !pkt->saddr[1] && !pkt->saddr[2]) ||
	       (pkt->saddr[0] & bpf_htonl(0xffc00000)) == bpf_htonl(0xfe800000);
}

static __always_inline int is_mapped4(const struct packet *pkt)
{
	return !pkt->saddr[0] && !pkt->saddr[1] && pkt->saddr[2] == bpf_htonl(0xffff);
}

/* The length that this address is counted by: its class's, or its own range's if that is longer. */
static __always_inline __u32 source_length(const struct packet *pkt, const struct placement *place,
					   const struct sluice_policy *policy)
{
	__u32 length = policy->prefix6;

	if (is_mapped4(pkt))
		length = policy->prefix4;
	else if (counted_alone(pkt))
		length = 128;
	return place->prefix_len > length ? place->prefix_len : length;
}

#endif
