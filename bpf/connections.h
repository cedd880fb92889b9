/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Connections that are being opened: which segments to look at (map `handshakes`), whether anybody
 * listens here (map `listeners`), and SYNs that somebody in another network namespace may answer
 * (map `elsewhere`). Also what is written into TCP headers.
 */
#ifndef SLUICE_CONNECTIONS_H
#define SLUICE_CONNECTIONS_H

#include <stddef.h>

#include "classify.h"
#include "pending.h"
#include "window.h"

#define CELL_TIME_MASK 0x7fffffffU
#define ELSEWHERE_TIME_MASK 0x0fffffffU
/* A request that nobody completes lives for 63 s (tcp_synack_retries is 5); its SYN may be repeated for 130 s. */
#define CELL_LIFETIME ((__u32)(PENDING_LIFETIME_NS >> SLUICE_COARSE_SHIFT))
#define LISTENER_FRESH 16U /* coarse units: 0.27 s */

#define TCP_OPTION_END 0
#define TCP_OPTION_NOP 1
#define TCP_OPTION_FAST_OPEN 34	  /* RFC 7413 */
#define TCP_OPTION_IGNORED 253	  /* RFC 4727, for experiments; Linux knows none */
#define TCP_OPTION_EXPERIMENT 254 /* with this magic it is Fast Open, too (tcp_parse_options) */
#define TCP_EXPERIMENT_FAST_OPEN bpf_htons(0xf989)

/* A TCP header in the frame, as 16-bit words in network order, or NULL. */
static __always_inline __be16 *tcp_words(struct xdp_md *ctx, const struct packet *pkt)
{
	void *data = (void *)(long)ctx->data;
	void *data_end = (void *)(long)ctx->data_end;
	__u32 offset = pkt->tcp_offset & 0x7ff;
	__be16 *tcp;

	if (pkt->tcp_offset > 0x7ff)
		return NULL;
	OPAQUE(offset);
	offset &= 0x7ff; /* in the very register that is added to the pointer */
	tcp = data + offset;
	if ((void *)tcp + sizeof(struct tcphdr) > data_end)
		return NULL;
	return tcp;
}

static __always_inline __u16 checksum_replace(__be16 check, __be16 from, __be16 to)
{
	/* RFC 1624, equation 3; works in either byte order */
	__u32 sum = (__u16)~check + (__u16)~from + to;

	sum = (sum & 0xffff) + (sum >> 16);
	sum = (sum & 0xffff) + (sum >> 16);
	return (__u16)~sum;
}

/* Word 6 of a TCP header holds its flags, word 8 the checksum. */
static __always_inline void set_flag(__be16 *tcp, __u16 flag)
{
	__be16 flags = tcp[6] | bpf_htons(flag);

	tcp[8] = checksum_replace(tcp[8], tcp[6], flags);
	tcp[6] = flags;
}

/* The bits of a SYN that all of its retransmissions share. */
static __always_inline __u64 syn_fingerprint(const struct packet *pkt)
{
	return pending_fingerprint(pkt->saddr, pkt->daddr, (__u32)pkt->sport << 16 | pkt->dport, pkt->seq,
				   hash_seed);
}

static __always_inline __u64 tuple_hash(const struct packet *pkt)
{
	__u64 x = table_mix(hash_seed ^ ((__u64)pkt->sport << 16 | pkt->dport));

	x = table_mix(x + ((__u64)pkt->saddr[2] << 32 | pkt->saddr[3]));
	x = table_mix(x + ((__u64)pkt->saddr[0] << 32 | pkt->saddr[1]) +
		      ((__u64)pkt->daddr[2] << 32 | pkt->daddr[3]));
	return table_mix(x + ((__u64)pkt->daddr[0] << 32 | pkt->daddr[1]));
}

static __always_inline __u64 *cell_of(__u64 hash)
{
	__u32 index = (__u32)hash & (handshake_cells - 1);

	return bpf_map_lookup_elem(&handshakes, &index);
}

static __always_inline int cell_is_young(__u64 cell, __u64 now)
{
	__u32 age = ((__u32)(now >> SLUICE_COARSE_SHIFT) - (__u32)cell) & CELL_TIME_MASK;

	/* a neighbour's clock may be a little ahead */
	return cell && (age <= CELL_LIFETIME || age > CELL_TIME_MASK - LISTENER_FRESH);
}

/*
 * This SYN goes through: from now on segments of its connection are looked at. Two connections may
 * share a cell; then neither may close it, and it ends by its age.
 */
static __always_inline void expect_handshake(const struct packet *pkt, __u64 now)
{
	__u64 hash = tuple_hash(pkt), *cell = cell_of(hash), seen, next;

	if (!cell)
		return;
	next = hash >> 32 << 32 | ((__u32)(now >> SLUICE_COARSE_SHIFT) & CELL_TIME_MASK);
#pragma GCC unroll 1
	for (int turn = 0; turn < 4; turn++) {
		seen = WINDOW_READ(*cell);
		if (cell_is_young(seen, now) && ((seen ^ next) >> 32 || seen & SLUICE_CELL_SHARED))
			next |= SLUICE_CELL_SHARED;
		if (seen == next || WINDOW_CAS(*cell, seen, next))
			return;
	}
	/* lost to others four times: they wrote this cell, so it is young; only the mark may be missing */
	(void)__sync_fetch_and_or(cell, SLUICE_CELL_SHARED);
}

static __always_inline int is_expected(const struct packet *pkt, __u64 now)
{
	__u64 *cell = cell_of(tuple_hash(pkt));

	return cell && cell_is_young(WINDOW_READ(*cell), now);
}

/* Its connection is open and counted: no segment of it needs to be looked at any more. */
static __always_inline void close_cell(const struct packet *pkt)
{
	__u64 hash = tuple_hash(pkt), *cell = cell_of(hash), seen;

	if (!cell)
		return;
	seen = WINDOW_READ(*cell);
	if (!((seen ^ hash) >> 32) && !(seen & SLUICE_CELL_SHARED))
		(void)__sync_val_compare_and_swap(cell, seen, 0);
}

static __always_inline __u32 set_tuple(const struct packet *pkt, struct bpf_sock_tuple *tuple)
{
	if (is_mapped4(pkt)) {
		tuple->ipv4.saddr = pkt->saddr[3];
		tuple->ipv4.daddr = pkt->daddr[3];
		tuple->ipv4.sport = pkt->sport;
		tuple->ipv4.dport = pkt->dport;
		return sizeof(tuple->ipv4);
	}
	__builtin_memcpy(tuple->ipv6.saddr, pkt->saddr, 16);
	__builtin_memcpy(tuple->ipv6.daddr, pkt->daddr, 16);
	tuple->ipv6.sport = pkt->sport;
	tuple->ipv6.dport = pkt->dport;
	return sizeof(tuple->ipv6);
}

/* Of a peer, for those who see its socket but not its packets. */
static __always_inline __u64 peer_hash(const __be32 *saddr, __be16 sport, __u32 isn)
{
	__u64 x = table_mix(hash_seed + ((__u64)sport << 32 | isn));

	x = table_mix(x + ((__u64)saddr[2] << 32 | saddr[3]));
	return table_mix(x + ((__u64)saddr[0] << 32 | saddr[1]));
}

static __always_inline void note_elsewhere(const struct packet *pkt, __u32 service, __u64 now)
{
	__u64 hash = peer_hash(pkt->saddr, pkt->sport, bpf_ntohl(pkt->seq));
	__u32 index = (__u32)hash & (SLUICE_ELSEWHERE - 1);
	__u64 *cell = bpf_map_lookup_elem(&elsewhere, &index);

	if (cell)
		*(volatile __u64 *)cell = hash >> 32 << 32 | (service & 0xf) << 28 |
					  ((__u32)(now >> SLUICE_COARSE_SHIFT) & ELSEWHERE_TIME_MASK);
}

/*
 * Whether somebody in this network namespace listens where this SYN goes. Asked of the kernel once
 * in a quarter of a second for each address and port: it does not change faster than that for anybody
 * who waits for an answer.
 */
__noinline int somebody_listens(struct xdp_md *ctx, struct packet *pkt, __u64 now)
{
	__u64 hash, seen;
	__u32 moment = (__u32)(now >> SLUICE_COARSE_SHIFT) & CELL_TIME_MASK, index, size;
	struct bpf_sock_tuple tuple = {};
	struct bpf_sock *sk;
	__u64 *cell;
	int found;

	if (!pkt)
		return 1;
	hash = table_mix(hash_seed ^ ((__u64)pkt->daddr[3] << 32 | pkt->daddr[2]) ^ pkt->dport);
	hash = table_mix(hash + ((__u64)pkt->daddr[1] << 32 | pkt->daddr[0]));
	index = (__u32)hash & (SLUICE_LISTENERS - 1);
	cell = bpf_map_lookup_elem(&listeners, &index);
	if (!cell)
		return 1;
	seen = WINDOW_READ(*cell);
	if (!((seen ^ hash) >> 32) && ((moment - (__u32)seen) & CELL_TIME_MASK) < LISTENER_FRESH)
		return !!(seen & 0x80000000U);
	size = set_tuple(pkt, &tuple);
	if (size == sizeof(tuple.ipv4))
		sk = bpf_skc_lookup_tcp(ctx, &tuple, sizeof(tuple.ipv4), BPF_F_CURRENT_NETNS, 0);
	else
		sk = bpf_skc_lookup_tcp(ctx, &tuple, sizeof(tuple.ipv6), BPF_F_CURRENT_NETNS, 0);
	found = !!sk;
	if (sk)
		bpf_sk_release(sk);
	*(volatile __u64 *)cell = hash >> 32 << 32 | (found ? 0x80000000U : 0) | moment;
	return found;
}

/* All ones if both are equal, else 0. */
static __always_inline __u64 mask_equal(__u64 a, __u64 b)
{
	__u64 mask = -(((a ^ b) - 1) >> 63);

	OPAQUE(mask);
	return mask;
}

/*
 * Where in the TCP header a Fast Open option begins; 0: there is none. Without branches, because the
 * verifier would follow each way that options can be laid out.
 */
static __always_inline __u32 find_fast_open(const __u8 *tcp, const void *data_end)
{
	__u64 end = (__u64)(tcp[12] >> 4) * 4, at = sizeof(struct tcphdr), found = 0;

#pragma GCC unroll 1
	for (int i = 0; i < 40; i++) {
		__u64 offset = at, kind, length, step, inside, nop;
		const __u8 *option;

		OPAQUE(offset);
		offset &= 0x3f;
		option = tcp + offset;
		if ((const void *)option + 4 > data_end)
			break;
		kind = option[0];
		length = option[1];
		nop = mask_equal(kind, TCP_OPTION_NOP);
		inside = -((at + 3 - end) >> 63);
		OPAQUE(inside);
		inside &= mask_equal(kind, TCP_OPTION_FAST_OPEN) |
			  (mask_equal(kind, TCP_OPTION_EXPERIMENT) &
			   mask_equal(*(__be16 *)(option + 2), TCP_EXPERIMENT_FAST_OPEN));
		found = (found & ~inside) | (at & inside);
		/* the end of the list and a length that cannot be lead out of the header */
		step = length | (mask_equal(kind, TCP_OPTION_END) & 64) | (mask_equal(length >> 1, 0) & 64);
		step = (step & ~nop) | (1 & nop);
		at += step;
		at |= -((63 - at) >> 63) & 63; /* stays outside */
		at &= 63;
		OPAQUE(at);
	}
	return (__u32)found;
}

/*
 * A Fast Open cookie would make a socket of the SYN itself, before its handshake is done. Without the
 * option the kernel goes the ordinary way and the client repeats its data: so every connection
 * passes one gate. The option's kind becomes one that Linux skips; its length stays.
 */
__noinline int blank_fast_open(struct xdp_md *ctx, struct packet *pkt)
{
	void *data_end = (void *)(long)ctx->data_end;
	__be16 *words;
	__u8 *tcp;
	__u32 at, shift;

	if (!pkt)
		return 0;
	words = tcp_words(ctx, pkt);
	tcp = (__u8 *)words;
	if (!words || pkt->is_fragment || tcp[12] >> 4 == sizeof(struct tcphdr) / 4)
		return 0;
	at = find_fast_open(tcp, data_end);
	if (!at)
		return 0;
	OPAQUE(at);
	at &= 0x3f;
	if ((void *)tcp + at + 1 > data_end)
		return 0;
	shift = at & 1 ? 0 : 8;
	words[8] = checksum_replace(words[8], bpf_htons((__u16)(tcp[at] << shift)),
				    bpf_htons((__u16)(TCP_OPTION_IGNORED << shift)));
	tcp[at] = TCP_OPTION_IGNORED;
	return 1;
}

#endif
