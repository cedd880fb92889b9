/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * handshake -> attempt: an address that answers the kernel's SYN-ACK is no forgery. Two places see
 * that: XDP at the segment that completes the handshake, which can still refuse the connection; and,
 * for sockets in other network namespaces (ports published into containers), the kernel's
 * tracepoint at the socket's change of state, which cannot.
 *
 * Refusing (DESIGN, platform facts): the segment gets SYN beside its ACK. The kernel then frees
 * the request and resets the client at once; dropping it instead would leave the request for a minute
 * and hang the client.
 */
#ifndef SLUICE_HANDSHAKE_H
#define SLUICE_HANDSHAKE_H

#include "attempt.h"
#include <bpf/bpf_core_read.h>
#include <bpf/bpf_tracing.h>

/* include/net/tcp_states.h */
#define STATE_ESTABLISHED 1
#define STATE_SYN_RECV 3
#define STATE_LISTEN 10
#define STATE_NEW_SYN_RECV 12

/* As much of the kernel's structures as is read; places come from BTF. */
struct tcp_request_sock {
	__u32 snt_isn; /* host order */
} __attribute__((preserve_access_index));

struct ns_common {
	unsigned int inum;
} __attribute__((preserve_access_index));
struct net {
	struct ns_common ns;
} __attribute__((preserve_access_index));
typedef struct possible_net {
	struct net *net;
} __attribute__((preserve_access_index)) possible_net_t;
struct in6_addr_core {
	__be32 word[4];
};
struct sock_common {
	__be32 skc_daddr;
	__be32 skc_rcv_saddr;
	__be16 skc_dport;
	__u16 skc_num;
	unsigned short skc_family;
	possible_net_t skc_net;
	struct in6_addr_core skc_v6_daddr;
	struct in6_addr_core skc_v6_rcv_saddr;
} __attribute__((preserve_access_index));
struct sock {
	struct sock_common __sk_common;
	__u16 sk_protocol;
} __attribute__((preserve_access_index));
struct tcp_sock {
	__u32 rcv_nxt;
	__u32 snd_una; /* our first unanswered sequence number, host order */
} __attribute__((preserve_access_index));

enum handshake_state {
	HANDSHAKE_NONE = 0,  /* this segment completes none */
	HANDSHAKE_OPEN,	     /* its connection is open already */
	HANDSHAKE_COMPLETED, /* with this segment */
};

/*
 * What the kernel knows of this segment's connection. The sequence number that the kernel chose
 * must come back in ack_seq: a forger who does not see our answers finds it with a chance of 2^-32 a
 * try, a SYN cookie with about 2^-29.
 */
__noinline int handshake_state(struct xdp_md *ctx, struct packet *pkt)
{
	void *data = (void *)(long)ctx->data, *data_end = (void *)(long)ctx->data_end;
	struct bpf_sock_tuple tuple = {};
	struct tcp_request_sock *request;
	struct tcp_sock *opened;
	int state = HANDSHAKE_NONE;
	struct bpf_sock *sk;
	__u32 offset, is4;
	__be16 *tcp;
	void *ip;

	if (!pkt)
		return HANDSHAKE_NONE;
	is4 = set_tuple(pkt, &tuple) == sizeof(tuple.ipv4);
	if (is4)
		sk = bpf_skc_lookup_tcp(ctx, &tuple, sizeof(tuple.ipv4), BPF_F_CURRENT_NETNS, 0);
	else
		sk = bpf_skc_lookup_tcp(ctx, &tuple, sizeof(tuple.ipv6), BPF_F_CURRENT_NETNS, 0);
	if (!sk)
		return HANDSHAKE_NONE;
	if (sk->state == STATE_NEW_SYN_RECV) {
		request = bpf_skc_to_tcp_request_sock(sk);
		if (request && request->snt_isn + 1 == bpf_ntohl(pkt->ack_seq))
			state = HANDSHAKE_COMPLETED;
	} else if (sk->state == STATE_SYN_RECV) {
		/* by Fast Open without a cookie (net.ipv4.tcp_fastopen & 0x200): a socket made of the SYN */
		opened = bpf_skc_to_tcp_sock(sk);
		if (opened && opened->snd_una == bpf_ntohl(pkt->ack_seq))
			state = HANDSHAKE_COMPLETED;
	} else if (sk->state == STATE_LISTEN && pkt->is_fragment) {
		state = HANDSHAKE_COMPLETED; /* by a cookie, or by nothing: no other socket is there */
	} else if (sk->state == STATE_LISTEN) {
		offset = pkt->ip_offset & 0x3ff;
		tcp = tcp_words(ctx, pkt);
		OPAQUE(offset);
		offset &= 0x3ff;
		ip = data + offset;
		if (tcp && pkt->ip_offset <= 0x3ff) {
			if (is4 && ip + sizeof(struct iphdr) <= data_end &&
			    !bpf_tcp_check_syncookie(sk, ip, sizeof(struct iphdr), (struct tcphdr *)tcp,
						     sizeof(struct tcphdr)))
				state = HANDSHAKE_COMPLETED;
			if (!is4 && ip + sizeof(struct ipv6hdr) <= data_end &&
			    !bpf_tcp_check_syncookie(sk, ip, sizeof(struct ipv6hdr), (struct tcphdr *)tcp,
						     sizeof(struct tcphdr)))
				state = HANDSHAKE_COMPLETED;
		}
	} else {
		state = HANDSHAKE_OPEN;
	}
	bpf_sk_release(sk);
	return state;
}

/* What counting a completed handshake found, beside the outcomes of failures. */
#define COMPLETE_WITHIN (SLUICE_OUTCOMES + 1)
#define COMPLETE_OVER (SLUICE_OUTCOMES + 2)  /* and its class limits, or it is banned */
#define COMPLETE_KNOWN (SLUICE_OUTCOMES + 3) /* counted before, or not to be counted */

/*
 * handshake -> window. Counts once for each connection, however often its segments come: `answer`
 * is the sequence number that tells it from others of the same tuple (ack_seq, network order).
 */
__noinline int complete(struct packet *pkt, struct moment *at, __u32 service, __u32 answer)
{
	struct located *where;
	struct sluice_policy *policy;
	struct sluice_control *ctl;
	struct sluice_source *entry;
	struct sluice_tally *tally;
	__u64 fingerprint, syn;
	__u32 index, zero = 0, level, log = WINDOW_LOG_WITHIN, is_over;
	int made;

	if (!pkt || !at)
		return SLUICE_FAILED_CONTROL;
	where = scratch_of(at);
	if (!where)
		return SLUICE_FAILED_CONTROL;
	service &= SLUICE_MAX_SERVICES - 1;
	made = locate(pkt, at, where, service);
	if (made != SLUICE_OUTCOMES)
		return made;
	if (where->exempt)
		return COMPLETE_KNOWN;
	index = (where->class_id & (SLUICE_MAX_CLASSES - 1)) * SLUICE_MAX_SERVICES + service;
	tally = bpf_map_lookup_elem(&tallies, &index);
	index = sluice_policy_index(at->half, where->class_id, service);
	policy = bpf_map_lookup_elem(&policies, &index);
	ctl = bpf_map_lookup_elem(&control, &zero);
	if (!tally || !policy || !ctl || !is_countable(policy))
		return SLUICE_FAILED_CONTROL;
	if (where->index) {
		/* of a source that counts SYNs and was counted when its SYN came, unless that found no room */
		if (!(policy->flags & SLUICE_POLICY_HANDSHAKE))
			log |= WINDOW_LOG_OVER;
	} else {
		made = make_source(where, at->now, SLUICE_TIER_VERIFIED);
		if (made < 0)
			count_event(SLUICE_SOURCES_REFUSED);
		if (made <= 0)
			return SLUICE_FAILED_ENTRY;
	}
	index = where->index - 1;
	entry = bpf_map_lookup_elem(&sources, &index);
	where->life = entry ? WINDOW_READ32(entry->life) : 0;
	if (!entry || !where->life)
		return SLUICE_FAILED_RECYCLED;

	forget_idle(entry, at->now);
	fingerprint = pending_fingerprint(pkt->saddr, pkt->daddr, (__u32)pkt->sport << 16 | pkt->dport,
					  answer, ~hash_seed);
	find_memory(entry, where, at->now);
	touch_way(index, at->now, ctl->age_shift, SLUICE_TIER_VERIFIED);
	if (search_let_through(where, fingerprint, at->now) == SEARCH_KNOWN)
		return COMPLETE_KNOWN;
	if (!(policy->flags & SLUICE_POLICY_HANDSHAKE)) {
		syn = pending_fingerprint(pkt->saddr, pkt->daddr, (__u32)pkt->sport << 16 | pkt->dport,
					  bpf_htonl(bpf_ntohl(pkt->seq) - 1), hash_seed);
		if (end_record(where, syn))
			return COMPLETE_KNOWN;
		if (!(policy->flags & SLUICE_POLICY_COUNT_DROPPED))
			log = WINDOW_LOG_WITHIN;
	}

	tally->completed++;
	level = raise_level(entry, policy->per_ticks, at->now);
	tally_trials(tally, level);
	set_rule(where, policy, at->now, log);
	if (count_attempt(where))
		send_event(pkt, where, at, SLUICE_EVENT_OVER, policy->connections + 1);
	if (where->result.verdict == WINDOW_RECYCLED)
		return SLUICE_FAILED_RECYCLED;
	if (policy->warn)
		warn_at_threshold(pkt, where, at, policy->warn);
	entry->class_id = where->class_id;
	*(volatile __u32 *)&entry->last = sluice_coarse(at->now);
	is_over = where->result.verdict != WINDOW_WITHIN;
	if (is_over) {
		tally->over++;
		touch_way(index, at->now, ctl->age_shift, SLUICE_TIER_OVER);
	}
	if (where->banned || (is_over && policy->action == SLUICE_ACTION_LIMIT)) {
		if (at->mode == SLUICE_MODE_XDP) {
			tally->dropped++;
			return COMPLETE_OVER;
		}
	}
	remember_let_through(where, pending_record(fingerprint, at->now, PENDING_ENDED), at->now);
	return is_over ? COMPLETE_OVER : COMPLETE_WITHIN;
}

/* A segment with ACK to a protected port. */
__noinline int judge_ack(struct xdp_md *ctx, struct packet *pkt, struct moment *at, __u32 service)
{
	int state;

	if (!pkt || !at)
		return SLUICE_FAILED_CONTROL;
	if (!is_expected(pkt, at->now))
		return SLUICE_NOT_SYN;
	state = handshake_state(ctx, pkt);
	if (state == HANDSHAKE_OPEN)
		close_cell(pkt);
	if (state != HANDSHAKE_COMPLETED)
		return SLUICE_NOT_SYN;
	/* What completes a handshake is small. In fragments it would hide what says whether to count it. */
	if (pkt->is_fragment)
		return judge_oddity(pkt, at, SLUICE_TINY_FRAGMENT);
	state = complete(pkt, at, service, pkt->ack_seq);
	if (state < SLUICE_OUTCOMES)
		return state;
	if (state == COMPLETE_KNOWN)
		return SLUICE_NOT_SYN;
	if (state == COMPLETE_WITHIN || at->mode != SLUICE_MODE_XDP)
		return SLUICE_COMPLETED;
	return SLUICE_REFUSED;
}

/* The connection of this segment must not be: see the head of this file. */
static __always_inline void refuse(struct xdp_md *ctx, const struct packet *pkt)
{
	__be16 *tcp = tcp_words(ctx, pkt);

	if (tcp)
		set_flag(tcp, TCP_SYN);
}

/* A socket of any network namespace becomes established. In its own, XDP has seen the segment. */
SEC("tp_btf/inet_sock_set_state")
int BPF_PROG(sluice_established, struct sock *sk, int old_state, int new_state)
{
	struct packet pkt = {};
	struct moment at = {};
	struct sluice_control *ctl;
	__u32 index, zero = 0, isn, moment;
	unsigned short family;
	__u64 hash, *cell, seen, result;

	if (old_state != STATE_SYN_RECV || new_state != STATE_ESTABLISHED)
		return 0;
	ctl = bpf_map_lookup_elem(&control, &zero);
	if (!ctl || !(ctl->flags & SLUICE_CONTROL_HANDSHAKES))
		return 0;
	if (BPF_CORE_READ(sk, __sk_common.skc_net.net, ns.inum) == (unsigned int)own_netns)
		return 0;
	family = BPF_CORE_READ(sk, __sk_common.skc_family);
	if (family == 2) { /* AF_INET */
		pkt.saddr[2] = pkt.daddr[2] = bpf_htonl(0xffff);
		pkt.saddr[3] = BPF_CORE_READ(sk, __sk_common.skc_daddr);
		pkt.daddr[3] = BPF_CORE_READ(sk, __sk_common.skc_rcv_saddr);
	} else if (family == 10) { /* AF_INET6; an IPv4 peer of a dual-stack socket stands there v4-mapped */
		BPF_CORE_READ_INTO(&pkt.saddr, sk, __sk_common.skc_v6_daddr);
		BPF_CORE_READ_INTO(&pkt.daddr, sk, __sk_common.skc_v6_rcv_saddr);
	} else {
		return 0;
	}
	pkt.sport = BPF_CORE_READ(sk, __sk_common.skc_dport);
	pkt.dport = bpf_htons(BPF_CORE_READ(sk, __sk_common.skc_num));
	isn = BPF_CORE_READ((struct tcp_sock *)sk, rcv_nxt) - 1;
	hash = peer_hash(pkt.saddr, pkt.sport, isn);
	index = (__u32)hash & (SLUICE_ELSEWHERE - 1);
	cell = bpf_map_lookup_elem(&elsewhere, &index);
	if (!cell)
		return 0;
	at.now = bpf_ktime_get_boot_ns();
	seen = WINDOW_READ(*cell);
	moment = (__u32)(at.now >> SLUICE_COARSE_SHIFT);
	/* only who came in by an attached interface counts: no connection of a proxy on this host does */
	if (!seen || (seen ^ hash) >> 32 || ((moment - (__u32)seen) & ELSEWHERE_TIME_MASK) > CELL_LIFETIME ||
	    !WINDOW_CAS(*cell, seen, 0))
		return 0;
	at.half = *(volatile __u32 *)&ctl->generation & 1;
	at.flags = ctl->flags;
	at.mode = sluice_mode_at(WINDOW_READ(ctl->mode_word), at.now);
	if (at.mode == SLUICE_MODE_XDP)
		at.mode = SLUICE_MODE_NFT; /* it is too late to refuse it */
	result = (__u32)complete(&pkt, &at, (__u32)seen >> 28, isn);
	OPAQUE(result); /* one register for the check and for what it guards */
	if (result < SLUICE_OUTCOMES)
		count_event(result);
	else if (result != COMPLETE_KNOWN)
		count_event(SLUICE_COMPLETED_ELSEWHERE);
	return 0;
}

#endif
