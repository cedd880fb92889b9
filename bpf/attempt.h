/* SPDX-License-Identifier: GPL-2.0-or-later */
/* attempt -> verdict: what a SYN to a protected port meets. */
#ifndef SLUICE_ATTEMPT_H
#define SLUICE_ATTEMPT_H

#include "connections.h"
#include "count.h"

/* At most log_max samples in any second of the clock, over all sources and CPUs. */
static __always_inline int pace_allows(__u64 now, __u32 max)
{
	__u64 second = now / 1000000000ULL << 32;
	__u32 which = SLUICE_PACE_SAMPLES;
	__u64 *word = bpf_map_lookup_elem(&pace, &which);
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

/*
 * Turns the SYN into the sample that nftables logs: RST beside SYN, which every TCP discards in
 * whatever state, and the secret sequence number by which nftables knows that it is ours.
 */
static __always_inline int make_sample(struct xdp_md *ctx, const struct packet *pkt, __u32 secret)
{
	__be16 *tcp = tcp_words(ctx, pkt), low, high;

	if (!tcp)
		return 0;
	high = bpf_htons((__u16)(secret >> 16));
	low = bpf_htons((__u16)secret);
	tcp[8] = checksum_replace(checksum_replace(tcp[8], tcp[2], high), tcp[3], low);
	tcp[2] = high;
	tcp[3] = low;
	set_flag(tcp, TCP_RST);
	return 1;
}

/*
 * `sampled` counts units of 2^30 ns in 16 bits, which come round after 19.5 hours. One unit more than
 * `every`, because both moments are cut off: never two lines within it.
 */
static __always_inline int sample_is_due(__u16 sampled, __u64 now, __u64 every)
{
	return !sampled || (__u64)(__u16)((__u16)(now >> 30) - sampled) > (every + (1ULL << 30) - 1) >> 30;
}

static __always_inline int take_sample(struct sluice_source *entry, __u64 now, __u64 every)
{
	__u16 sampled = *(volatile __u16 *)&entry->sampled, moment = (__u16)(now >> 30);
	__u32 *word = (__u32 *)((void *)entry + offsetof(struct sluice_source, sampled));
	__u32 seen = *(volatile __u32 *)word, next;

	if (!sample_is_due((__u16)seen, now, every) || sampled != (__u16)seen)
		return 0;
	/* sampled, peak and blocks share a word that is exchanged whole: one CPU takes the turn */
	next = (seen & 0xffff0000) | (moment ? moment : 1);
	return __sync_val_compare_and_swap(word, seen, next) == seen;
}

/* Mode xdp, an attempt that must not get through: drop it, or let it through as a sample. */
__noinline int enforce(struct xdp_md *ctx, struct packet *pkt, struct located *where, struct moment *at)
{
	struct sluice_source *entry;
	struct sluice_control *ctl;
	__u32 index, zero = 0;

	if (!pkt || !where || !at)
		return SLUICE_FAILED_CONTROL;
	index = where->index - 1;
	entry = bpf_map_lookup_elem(&sources, &index);
	ctl = bpf_map_lookup_elem(&control, &zero);
	/* a fragment cannot be one, and must not use up the turn of a frame that can */
	if (entry && ctl && !pkt->is_fragment && sample_is_due(entry->sampled, at->now, ctl->log_every_ns)) {
		if (!pace_allows(at->now, ctl->log_max))
			count_event(SLUICE_SAMPLES_SUPPRESSED);
		else if (take_sample(entry, at->now, ctl->log_every_ns) &&
			 make_sample(ctx, pkt, ctl->sample_secret))
			return SLUICE_SAMPLED;
	}
	return where->banned ? SLUICE_DROPPED_BANNED : SLUICE_DROPPED_LIMITED;
}

/* What becomes of an attempt that is over or banned. SLUICE_OUTCOMES: it must not get through. */
static __always_inline __u32 spared(const struct moment *at, const struct sluice_policy *policy, int banned)
{
	if (!banned && policy->action != SLUICE_ACTION_LIMIT)
		return SLUICE_OVER_OBSERVED;
	if (at->mode == SLUICE_MODE_OBSERVE)
		return SLUICE_WOULD_DROP;
	if (at->mode == SLUICE_MODE_NFT)
		return SLUICE_LEFT_TO_NFT;
	return SLUICE_OUTCOMES;
}

/*
 * What a frame that hides its TCP header meets: honest senders make none of these. `passed` is the
 * outcome if it passes; its _DROPPED twin follows it in the enum.
 *
 * This function and those below are global on purpose: the verifier checks each once for any
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

/* A SYN of which nothing is known passes; its handshake will tell. */
static __always_inline int let_unverified_through(struct xdp_md *ctx, struct packet *pkt,
						  const struct moment *at, const struct located *where)
{
	/* Also where somebody listens: an address translation may go before the listener of a proxy. */
	note_elsewhere(pkt, where->key.service, at->now);
	if (!somebody_listens(ctx, pkt, at->now))
		return SLUICE_UNVERIFIABLE;
	expect_handshake(pkt, at->now);
	blank_fast_open(ctx, pkt);
	return SLUICE_UNVERIFIED;
}

/*
 * count = "handshake": a SYN says nothing about its sender, so it leaves no trace in any window. It
 * is dropped if the source is banned, or over by handshakes that it has completed.
 */
__noinline int judge_unverified(struct xdp_md *ctx, struct packet *pkt, struct moment *at,
				struct located *where)
{
	__u32 index, zero = 0, passed, service;
	struct sluice_source *entry = NULL;
	struct sluice_policy *policy;
	struct sluice_control *ctl;
	struct sluice_tally *tally;
	int over = 0;

	if (!pkt || !at || !where)
		return SLUICE_FAILED_CONTROL;
	service = where->key.service & (SLUICE_MAX_SERVICES - 1);
	index = (where->class_id & (SLUICE_MAX_CLASSES - 1)) * SLUICE_MAX_SERVICES + service;
	tally = bpf_map_lookup_elem(&tallies, &index);
	index = sluice_policy_index(at->half, where->class_id, service);
	policy = bpf_map_lookup_elem(&policies, &index);
	ctl = bpf_map_lookup_elem(&control, &zero);
	if (!tally || !policy || !ctl)
		return SLUICE_FAILED_CONTROL;
	if (where->banned && !where->index)
		make_source(where, at->now, SLUICE_TIER_UNVERIFIED); /* for its samples; it does without */
	if (where->index) {
		index = where->index - 1;
		entry = bpf_map_lookup_elem(&sources, &index);
	}
	if (entry) {
		where->life = WINDOW_READ32(entry->life);
		set_rule(where, policy, at->now, 0);
		over = is_countable(policy) && is_over_now(where);
		count_up(&entry->attempts);
		touch_way(index, at->now, ctl->age_shift, SLUICE_TIER_UNVERIFIED);
		if (over || where->banned) {
			entry->class_id = where->class_id;
			*(volatile __u32 *)&entry->last = sluice_coarse(at->now);
		}
	}
	if (!over && !where->banned)
		return let_unverified_through(ctx, pkt, at, where);
	tally->banned += where->banned;
	if (over) {
		tally->over++;
		if (entry)
			count_up(&entry->over);
	}
	passed = spared(at, policy, where->banned);
	if (passed != SLUICE_OUTCOMES) {
		let_unverified_through(ctx, pkt, at, where);
		return (int)passed;
	}
	tally->dropped++;
	return enforce(ctx, pkt, where, at);
}

/* count = "syn": attempt -> window -> verdict. */
__noinline int judge_counted(struct xdp_md *ctx, struct packet *pkt, struct moment *at, struct located *where)
{
	__u32 index, log, zero = 0, passed, service, known, level;
	struct sluice_control *ctl;
	struct sluice_policy *policy;
	struct sluice_source *entry;
	struct sluice_tally *tally;
	__u64 fingerprint;
	int banned, over, made = 0;

	if (!pkt || !at || !where)
		return SLUICE_FAILED_CONTROL;
	service = where->key.service & (SLUICE_MAX_SERVICES - 1);
	index = (where->class_id & (SLUICE_MAX_CLASSES - 1)) * SLUICE_MAX_SERVICES + service;
	tally = bpf_map_lookup_elem(&tallies, &index);
	index = sluice_policy_index(at->half, where->class_id, service);
	policy = bpf_map_lookup_elem(&policies, &index);
	ctl = bpf_map_lookup_elem(&control, &zero);
	if (!tally || !policy || !ctl)
		return SLUICE_FAILED_CONTROL;
	if (!is_countable(policy)) /* loaded past our loader; no log holds it */
		return SLUICE_FAILED_CONTROL;

	banned = where->banned;
	tally->banned += banned;
	if (!where->index) {
		made = make_source(where, at->now, SLUICE_TIER_UNVERIFIED);
		if (made < 0) {
			note_refused(at->now);
			if (banned && spared(at, policy, 1) == SLUICE_OUTCOMES) {
				tally->dropped++;
				return SLUICE_DROPPED_BANNED;
			}
			expect_handshake(pkt, at->now);
			return banned ? spared(at, policy, 1) : SLUICE_UNLISTED;
		}
		if (!made)
			return SLUICE_FAILED_ENTRY;
	}
	index = where->index - 1;
	entry = bpf_map_lookup_elem(&sources, &index);
	where->life = entry ? WINDOW_READ32(entry->life) : 0;
	if (!entry || !where->life)
		return SLUICE_FAILED_RECYCLED;

	forget_idle(entry, at->now);
	find_memory(entry, where, at->now);
	fingerprint = syn_fingerprint(pkt);
	if (!banned && search_let_through(where, fingerprint, at->now) == SEARCH_REPEATED) {
		tally->attempts--; /* the caller has taken it for one */
		return SLUICE_RETRANSMITTED;
	}
	known = where->memory ? (__u32)search_dropped(where, fingerprint, at->now) : SEARCH_NEW;

	log = WINDOW_LOG_WITHIN | WINDOW_LOG_OVER;
	if (!(policy->flags & SLUICE_POLICY_COUNT_DROPPED))
		log = banned ? 0 : WINDOW_LOG_WITHIN;
	else if (known == SEARCH_REPEATED)
		log = WINDOW_LOG_WITHIN; /* the retransmission of a dropped attempt does not prolong */
	level = raise_level(entry, policy->per_ticks, at->now);
	tally_trials(tally, level);
	count_up(&entry->attempts);
	set_rule(where, policy, at->now, log);
	if (count_attempt(where))
		send_event(pkt, where, at, SLUICE_EVENT_OVER, policy->connections + 1);
	if (where->result.verdict == WINDOW_RECYCLED)
		return SLUICE_FAILED_RECYCLED;
	if (policy->warn)
		warn_at_threshold(pkt, where, at, policy->warn);
	over = where->result.verdict != WINDOW_WITHIN;
	entry->class_id = where->class_id;
	*(volatile __u32 *)&entry->last = sluice_coarse(at->now);
	touch_way(index, at->now, ctl->age_shift, over ? SLUICE_TIER_OVER : SLUICE_TIER_UNVERIFIED);
	tally->over += over;

	passed = !over && !banned ? SLUICE_PASSED : spared(at, policy, banned);
	if (passed != SLUICE_OUTCOMES && passed != SLUICE_LEFT_TO_NFT) {
		remember_let_through(where, pending_record(fingerprint, at->now, 0), at->now);
		return (int)passed;
	}
	if (known != SEARCH_REPEATED)
		remember_dropped(where, pending_record(fingerprint, at->now, 0), at->now);
	if (passed == SLUICE_LEFT_TO_NFT)
		return SLUICE_LEFT_TO_NFT;
	tally->dropped++;
	return enforce(ctx, pkt, where, at);
}

/* attempt -> class -> window -> verdict */
__noinline int judge_attempt(struct xdp_md *ctx, struct packet *pkt, struct moment *at, __u32 service)
{
	struct sluice_policy *policy;
	struct sluice_tally *tally;
	struct located *where;
	__u32 index;
	int outcome;

	if (!pkt || !at)
		return SLUICE_FAILED_CONTROL;
	where = scratch_of(at);
	if (!where)
		return SLUICE_FAILED_CONTROL;
	service &= SLUICE_MAX_SERVICES - 1;
	outcome = locate(pkt, at, where, service);
	if (outcome != SLUICE_OUTCOMES)
		return outcome;
	index = (where->class_id & (SLUICE_MAX_CLASSES - 1)) * SLUICE_MAX_SERVICES + service;
	tally = bpf_map_lookup_elem(&tallies, &index);
	index = sluice_policy_index(at->half, where->class_id, service);
	policy = bpf_map_lookup_elem(&policies, &index);
	if (!tally || !policy)
		return SLUICE_FAILED_CONTROL;
	tally->attempts++;
	if (where->exempt)
		return SLUICE_EXEMPT;
	if (policy->flags & SLUICE_POLICY_HANDSHAKE)
		return judge_unverified(ctx, pkt, at, where);
	return judge_counted(ctx, pkt, at, where);
}

#endif
