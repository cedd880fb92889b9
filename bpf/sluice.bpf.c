// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * packet -> attempt -> class -> window -> count -> edge -> event, and the outcome of each packet.
 * One exit, which records the outcome per CPU. Whatever fails on our side passes the packet and
 * is counted as an outcome of its own.
 */
#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>
#include <bpf/bpf_endian.h>

#include "abi.h"
#include "maps.h"
#include "parse.h"
#include "window.h"

/* Set before load, frozen after. */
const volatile __u32 log_capacity = SLUICE_MAX_LIMIT;
/* 1: the time of each frame stands in its metadata (8 bytes, host order), for captures. */
const volatile __u8 time_in_metadata = 0;

#define TCP_FIN 0x01
#define TCP_SYN 0x02
#define TCP_RST 0x04
#define TCP_ACK 0x10

#define NAT64_PREFIX bpf_htonl(0x0064ff9b) /* RFC 6052: 64:ff9b::/96, an IPv4 host in each address */

/* Expired words about one address that may lie inside each other until somebody clears them away. */
#define OVERRIDE_NESTING 4

/* What holds while one packet is judged. */
struct moment {
	__u64 now; /* CLOCK_BOOTTIME ns */
	__u32 half;
	__u32 mode;
};

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

static __always_inline __u64 packet_time(struct xdp_md *ctx)
{
	__u64 *meta;

	if (!time_in_metadata)
		return bpf_ktime_get_boot_ns();
	meta = (void *)(long)ctx->data_meta;
	if ((void *)(meta + 1) > (void *)(long)ctx->data)
		return 0;
	return *meta;
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
static __always_inline int classify(const struct packet *pkt, __u32 half, __u64 now, struct placement *place)
{
	struct sluice_lpm_key key = {128, {pkt->saddr[0], pkt->saddr[1], pkt->saddr[2], pkt->saddr[3]}};
	struct sluice_class_ref *ref;
	struct sluice_policy *policy;
	__u32 index;
	void *list;

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

/* The source that this address counts as: its class's prefix, or its own range if that is longer. */
static __always_inline void source_key(const struct packet *pkt, const struct placement *place,
				       const struct sluice_policy *policy, __u8 service,
				       struct sluice_source_key *key)
{
	__u8 length = policy->prefix6;

	if (!pkt->saddr[0] && !pkt->saddr[1] && pkt->saddr[2] == bpf_htonl(0xffff))
		length = policy->prefix4;
	else if ((pkt->saddr[0] == NAT64_PREFIX && !pkt->saddr[1] && !pkt->saddr[2]) ||
		 (pkt->saddr[0] & bpf_htonl(0xffc00000)) == bpf_htonl(0xfe800000))
		length = 128; /* NAT64 and link-local: neighbours in a prefix are strangers */
	if (place->prefix_len > length)
		length = place->prefix_len;
	mask_address(key, pkt, length);
	key->service = service;
}

static __always_inline void count_event(__u64 counter)
{
	__u32 zero = 0;
	struct sluice_counters *all = bpf_map_lookup_elem(&counters, &zero);

	if (all)
		all->n[counter]++;
}

static __always_inline struct sluice_source *find_or_make_source(const struct sluice_source_key *key,
								 __u64 owner)
{
	struct sluice_source *entry = bpf_map_lookup_elem(&sources, key);
	struct sluice_source *blank;
	__u32 zero = 0;

	if (entry)
		return entry;
	blank = bpf_map_lookup_elem(&scratch, &zero);
	if (!blank)
		return NULL;
	blank->owner = owner;
	blank->head = WINDOW_FIRST_HEAD;
	if (!bpf_map_update_elem(&sources, key, blank, BPF_NOEXIST))
		count_event(SLUICE_SOURCES_NEW);
	/* made by us or, in the same moment, by another CPU */
	return bpf_map_lookup_elem(&sources, key);
}

static __always_inline void send_event(struct xdp_md *ctx, const struct packet *pkt,
				       const struct sluice_source_key *key, const struct sluice_source *entry,
				       __u64 now, __u64 until, __u8 action)
{
	struct sluice_event *event = bpf_ringbuf_reserve(&events, sizeof(*event), 0);

	if (!event) {
		count_event(SLUICE_EVENTS_LOST);
		return;
	}
	event->time_ns = now;
	event->until_ns = until;
	event->attempts = entry->attempts;
	event->key = *key;
	__builtin_memcpy(event->saddr, pkt->saddr, 16);
	__builtin_memcpy(event->daddr, pkt->daddr, 16);
	event->sport = pkt->sport;
	event->dport = pkt->dport;
	event->class_id = entry->class_id;
	event->action = action;
	event->pad = 0;
	event->ifindex = ctx->ingress_ifindex;
	bpf_ringbuf_submit(event, 0);
}

/* At most log_max samples in any second of the clock, over all sources and CPUs. */
static __always_inline int pace_allows(__u64 now, __u32 max)
{
	__u64 second = now / 1000000000ULL << 32;
	__u32 zero = 0;
	__u64 *word = bpf_map_lookup_elem(&pace, &zero);
	__u64 seen, next;

	if (!word)
		return 0;
	seen = WINDOW_READ(*word);
	/* another CPU may be in the next second already: it must not be taken back */
	next = seen >= second ? seen + 1 : second + 1;
	if ((__u32)next > max)
		return 0;
	return WINDOW_CAS(*word, seen, next);
}

static __always_inline __u16 checksum_replace(__be16 check, __be16 from, __be16 to)
{
	/* RFC 1624, equation 3; works in either byte order */
	__u32 sum = (__u16)~check + (__u16)~from + to;

	sum = (sum & 0xffff) + (sum >> 16);
	sum = (sum & 0xffff) + (sum >> 16);
	return (__u16)~sum;
}

/*
 * Turns the SYN into the sample that nftables logs: RST beside SYN, which every TCP discards in
 * whatever state, and the secret sequence number by which nftables knows that it is ours.
 */
static __always_inline int make_sample(struct xdp_md *ctx, const struct packet *pkt, __u32 secret)
{
	void *data = (void *)(long)ctx->data;
	void *data_end = (void *)(long)ctx->data_end;
	__u32 offset = pkt->tcp_offset & 0x7ff;
	__be16 *tcp, flags, low, high;
	__u16 check;

	if (pkt->tcp_offset > 0x7ff)
		return 0;
	OPAQUE(offset);
	offset &= 0x7ff; /* in the very register that is added to the pointer */
	tcp = data + offset;
	if ((void *)tcp + sizeof(struct tcphdr) > data_end)
		return 0;
	high = bpf_htons((__u16)(secret >> 16));
	low = bpf_htons((__u16)secret);
	flags = tcp[6] | bpf_htons(TCP_RST);
	check = tcp[8];
	check = checksum_replace(check, tcp[2], high);
	check = checksum_replace(check, tcp[3], low);
	check = checksum_replace(check, tcp[6], flags);
	tcp[2] = high;
	tcp[3] = low;
	tcp[6] = flags;
	tcp[8] = check;
	return 1;
}

/* Mode xdp, an attempt that must not get through: drop it, or let it through as a sample. */
static __always_inline enum sluice_outcome enforce(struct xdp_md *ctx, const struct packet *pkt,
						   const struct sluice_control *ctl,
						   struct sluice_source *entry, __u64 now, int banned)
{
	__u64 sampled = WINDOW_READ(entry->sampled_ns);

	/* a fragment cannot be one, and must not use up the turn of a frame that can */
	if (!pkt->is_fragment && (!sampled || now >= sampled + ctl->log_every_ns)) {
		if (!pace_allows(now, ctl->log_max))
			count_event(SLUICE_SAMPLES_SUPPRESSED);
		else if (WINDOW_CAS(entry->sampled_ns, sampled, now) &&
			 make_sample(ctx, pkt, ctl->sample_secret))
			return SLUICE_SAMPLED;
	}
	return banned ? SLUICE_DROPPED_BANNED : SLUICE_DROPPED_LIMITED;
}

/*
 * What a frame that hides its TCP header meets: honest senders make none of these. `passed` is the
 * outcome if it passes; its _DROPPED twin follows it in the enum.
 *
 * This function and the next are global on purpose: the verifier checks each once for any
 * arguments, instead of once for every way through the parser.
 */
__noinline int judge_oddity(struct packet *pkt, struct moment *at, __u32 passed)
{
	struct placement place = {};

	if (!pkt || !at)
		return SLUICE_FAILED_CONTROL;
	if (at->mode == SLUICE_MODE_OBSERVE)
		return passed;
	if (classify(pkt, at->half, at->now, &place))
		return SLUICE_FAILED_CLASS;
	return place.exempt ? passed : passed + 1;
}

/* attempt -> class -> window -> verdict */
__noinline int judge_attempt(struct xdp_md *ctx, struct packet *pkt, struct moment *at, __u32 service)
{
	struct placement place = {};
	struct sluice_source_key key = {};
	struct window_result window;
	struct sluice_control *ctl;
	struct sluice_policy *policy;
	struct sluice_source *entry;
	struct sluice_tally *tally;
	__u64 owner, until_before;
	__u32 index, log, zero = 0;
	int banned, over, outcome;

	if (!pkt || !at)
		return SLUICE_FAILED_CONTROL;
	if (classify(pkt, at->half, at->now, &place))
		return SLUICE_FAILED_CLASS;
	service &= SLUICE_MAX_SERVICES - 1;
	index = (place.class_id & (SLUICE_MAX_CLASSES - 1)) * SLUICE_MAX_SERVICES + service;
	tally = bpf_map_lookup_elem(&tallies, &index);
	index = sluice_policy_index(at->half, place.class_id, service);
	policy = bpf_map_lookup_elem(&policies, &index);
	ctl = bpf_map_lookup_elem(&control, &zero);
	if (!tally || !policy || !ctl)
		return SLUICE_FAILED_CONTROL;
	tally->attempts++;
	if (place.exempt)
		return SLUICE_EXEMPT;
	if (policy->connections > log_capacity) /* loaded past our loader; no log holds it */
		return SLUICE_FAILED_CONTROL;

	banned = place.banned;
	tally->banned += banned;
	source_key(pkt, &place, policy, service, &key);
	owner = window_owner(&key);
	entry = find_or_make_source(&key, owner);
	if (!entry)
		return SLUICE_FAILED_ENTRY;

	log = WINDOW_LOG_WITHIN | WINDOW_LOG_OVER;
	if (!(policy->flags & SLUICE_POLICY_COUNT_DROPPED))
		log = banned ? 0 : WINDOW_LOG_WITHIN;
	OPAQUE(log);
	until_before = WINDOW_READ(entry->until_ns);
	window =
	    window_attempt(entry, owner, log_capacity, policy->connections, policy->per_ticks, at->now, log);
	if (window.verdict == WINDOW_RECYCLED)
		return SLUICE_FAILED_RECYCLED;
	if (window.verdict == WINDOW_CONTENDED)
		count_event(SLUICE_CONTENDED);

	over = window.verdict != WINDOW_WITHIN;
	__sync_fetch_and_add(&entry->attempts, 1);
	entry->last_ns = at->now;
	entry->class_id = place.class_id;
	if (over) {
		tally->over++;
		__sync_fetch_and_add(&entry->over, 1);
		if (window_mark_over(entry, at->now, window.release_ns))
			send_event(ctx, pkt, &key, entry, at->now, window.release_ns, policy->action);
	} else {
		window_mark_within(entry, at->now, until_before);
	}

	if (!over && !banned)
		return SLUICE_PASSED;
	if (!banned && policy->action != SLUICE_ACTION_LIMIT)
		return SLUICE_OVER_OBSERVED;
	if (at->mode == SLUICE_MODE_OBSERVE)
		return SLUICE_WOULD_DROP;
	if (at->mode == SLUICE_MODE_NFT)
		return SLUICE_LEFT_TO_NFT;
	outcome = enforce(ctx, pkt, ctl, entry, at->now, banned);
	tally->dropped++;
	return outcome;
}

/* The service that a destination port belongs to; 0: none. */
static __always_inline __u8 service_of(__be16 port, __u32 half)
{
	struct sluice_ports *table = bpf_map_lookup_elem(&ports, &half);

	return table ? table->service[bpf_ntohs(port)] : 0;
}

static __always_inline int judge(struct xdp_md *ctx)
{
	struct sluice_control *ctl;
	enum parse_result parsed;
	struct packet pkt = {};
	struct moment at = {};
	__u32 zero = 0;
	__u8 service = 0;

	parsed = parse_frame(ctx, &pkt);
	if (parsed == PARSE_NOT_TCP)
		return SLUICE_NOT_TCP;
	if (parsed == PARSE_MALFORMED)
		return SLUICE_MALFORMED;
	if (parsed == PARSE_FRAGMENT)
		return SLUICE_FRAGMENT;

	ctl = bpf_map_lookup_elem(&control, &zero);
	if (!ctl)
		return SLUICE_FAILED_CONTROL;
	at.half = *(volatile __u32 *)&ctl->generation & 1;
	if (parsed == PARSE_MANY_TAGS) { /* whoever sends it: exempt or not is not known */
		at.mode = sluice_mode_at(WINDOW_READ(ctl->mode_word), packet_time(ctx));
		return at.mode == SLUICE_MODE_OBSERVE ? SLUICE_LONG_CHAIN : SLUICE_LONG_CHAIN_DROPPED;
	}
	if (pkt.dport || parsed == PARSE_TCP) { /* else: not known, or never will be */
		service = service_of(pkt.dport, at.half);
		if (!service)
			return SLUICE_OTHER_PORT;
	}
	if (parsed == PARSE_TCP && (pkt.flags & (TCP_SYN | TCP_ACK | TCP_RST | TCP_FIN)) != TCP_SYN)
		return SLUICE_NOT_SYN;

	at.now = packet_time(ctx);
	at.mode = sluice_mode_at(WINDOW_READ(ctl->mode_word), at.now);
	switch (parsed) {
	case PARSE_TINY_FRAGMENT:
		return judge_oddity(&pkt, &at, SLUICE_TINY_FRAGMENT);
	case PARSE_OVERLAP_FRAGMENT:
		return judge_oddity(&pkt, &at, SLUICE_OVERLAP_FRAGMENT);
	case PARSE_LONG_CHAIN:
		return judge_oddity(&pkt, &at, SLUICE_LONG_CHAIN);
	default:
		return judge_attempt(ctx, &pkt, &at, service);
	}
}

static __always_inline int is_drop(__u32 outcome)
{
	return outcome == SLUICE_DROPPED_LIMITED || outcome == SLUICE_DROPPED_BANNED ||
	       outcome == SLUICE_TINY_FRAGMENT_DROPPED || outcome == SLUICE_OVERLAP_FRAGMENT_DROPPED ||
	       outcome == SLUICE_LONG_CHAIN_DROPPED;
}

SEC("xdp")
int sluice(struct xdp_md *ctx)
{
	__u64 outcome = (__u32)judge(ctx);

	OPAQUE(outcome); /* one register for the check and for what it guards */
	if (outcome < SLUICE_OUTCOMES)
		count_event(outcome);
	return is_drop(outcome) ? XDP_DROP : XDP_PASS;
}

char LICENSE[] SEC("license") = "GPL";
