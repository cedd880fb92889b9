/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * packet -> attempt: from the frame to the TCP header, or the reason why there is none.
 * Each step checks its bounds, moves the cursor on and returns what comes next.
 *
 * Looked through: 8 VLAN tags (802.1Q, 802.1ad), PPPoE session (RFC 2516), IPv4 options, IPv6
 * hop-by-hop, routing, destination, fragment (RFC 8200) and authentication headers (RFC 4302).
 * Not looked through: MPLS, tunnels, ESP: what is inside does not end at this host's ports.
 */
#ifndef SLUICE_PARSE_H
#define SLUICE_PARSE_H

#include <linux/if_ether.h>
#include <linux/in.h>
#include <linux/ip.h>
#include <linux/ipv6.h>
#include <linux/tcp.h>

#include "opaque.h"

#define PARSE_VLAN_TAGS 8	/* honest senders use one or two */
#define PARSE_MAX_CHAIN 8	/* IPv6 extension headers; honest senders use two or three */
#define PARSE_MAX_OFFSET 0x7fff /* 8 headers of 2 KiB behind the tags: more than any frame holds */
#define PARSE_TCP_FLAGS_END 14	/* bytes of TCP header up to and including the flags */

enum parse_result {
	PARSE_NOT_TCP = 0,
	PARSE_TCP, /* ports, flags and tcp_offset are set */
	PARSE_MALFORMED,
	PARSE_FRAGMENT,		/* non-first, of anything */
	PARSE_TINY_FRAGMENT,	/* first fragment that ends before TCP's flags; ports set if they are there */
	PARSE_OVERLAP_FRAGMENT, /* TCP at fragment offset 8: would overwrite the flags */
	PARSE_LONG_CHAIN,
	PARSE_MANY_TAGS, /* addresses not known */
};

struct packet {
	__be32 saddr[4]; /* v4-mapped; set for every result but NOT_TCP, MALFORMED, MANY_TAGS */
	__be32 daddr[4];
	__be16 sport;
	__be16 dport;
	__u16 ip_offset;  /* of the IP header, from the start of the frame */
	__u16 tcp_offset; /* likewise */
	__u8 flags;	  /* byte 13 of the TCP header */
	__u8 is_fragment; /* a first fragment: the rest of the header may be elsewhere */
	__u8 pad[2];
	__be32 seq; /* set with the flags */
	__be32 ack_seq;
};

struct cursor {
	void *start;
	void *pos;
	void *end;
	__u32 left; /* bytes that the IP header says are left; may be less than the frame */
};

/* The next `size` bytes, or NULL; the cursor moves past them. */
static __always_inline void *cursor_take(struct cursor *cur, __u32 size)
{
	void *here = cur->pos;

	if (here + size > cur->end || size > cur->left)
		return NULL;
	cur->pos = here + size;
	cur->left -= size;
	return here;
}

static __always_inline int is_tag(__be16 proto)
{
	return proto == bpf_htons(ETH_P_8021Q) || proto == bpf_htons(ETH_P_8021AD);
}

/*
 * Counts the tags behind the Ethernet header; TAGS_CUT if the frame ends in them, TAGS_TOO_MANY.
 * Linux takes off any number of priority tags (VID 0), so what is behind them is delivered. A
 * function of its own for the same reason as walk_extensions.
 */
#define TAGS_CUT -1
#define TAGS_TOO_MANY -2
__noinline int count_tags(struct xdp_md *ctx)
{
	__be16 *proto = (void *)(long)ctx->data + offsetof(struct ethhdr, h_proto);
	void *data_end = (void *)(long)ctx->data_end;

	for (int tags = 0; tags <= PARSE_VLAN_TAGS; tags++) {
		if ((void *)(proto + 1) > data_end)
			return TAGS_CUT;
		if (!is_tag(*proto))
			return tags;
		proto += 2;
	}
	return TAGS_TOO_MANY;
}

/*
 * Protocol (network order) behind Ethernet, VLAN tags and PPPoE; 0 if it is none of ours. Still a
 * tag if there are too many.
 */
static __always_inline __be16 parse_link(struct xdp_md *ctx, struct cursor *cur)
{
	struct ethhdr *eth = cursor_take(cur, sizeof(*eth));
	__be16 proto;

	if (!eth)
		return 0;
	proto = eth->h_proto;
	if (is_tag(proto)) {
		int tags = count_tags(ctx);
		__u32 length = (__u32)tags * 4;
		__be16 *last;

		if (tags == TAGS_TOO_MANY)
			return proto;
		if (tags <= 0)
			return 0;
		OPAQUE(length);
		length &= 0x3f; /* in the very register that is added to the pointer */
		cur->pos += length;
		last = cur->pos;
		if ((void *)last > cur->end)
			return 0;
		proto = last[-1];
	}
	if (proto == bpf_htons(ETH_P_PPP_SES)) {
		/* version and type, code, session, length; then the PPP protocol */
		__u8 *ppp = cursor_take(cur, 8);

		if (!ppp || ppp[0] != 0x11 || ppp[1] != 0)
			return 0;
		if (ppp[6] == 0x00 && ppp[7] == 0x21)
			return bpf_htons(ETH_P_IP);
		if (ppp[6] == 0x00 && ppp[7] == 0x57)
			return bpf_htons(ETH_P_IPV6);
		return 0;
	}
	return proto;
}

/* At the TCP header. A first fragment need only reach the flags; the stack waits for the rest. */
static __always_inline enum parse_result parse_tcp(struct cursor *cur, struct packet *pkt)
{
	__u8 *tcp = cur->pos;
	__u32 left = cur->left;

	if (pkt->is_fragment &&
	    (left < PARSE_TCP_FLAGS_END || (void *)tcp + PARSE_TCP_FLAGS_END > cur->end)) {
		if (left >= 4 && (void *)tcp + 4 <= cur->end) {
			pkt->sport = *(__be16 *)tcp;
			pkt->dport = *(__be16 *)(tcp + 2);
		}
		return PARSE_TINY_FRAGMENT;
	}
	if (!pkt->is_fragment &&
	    (left < sizeof(struct tcphdr) || (void *)tcp + sizeof(struct tcphdr) > cur->end))
		return PARSE_MALFORMED;
	if ((void *)tcp + PARSE_TCP_FLAGS_END > cur->end)
		return PARSE_MALFORMED;
	if (tcp[12] >> 4 < 5)
		return PARSE_MALFORMED;
	pkt->sport = *(__be16 *)tcp;
	pkt->dport = *(__be16 *)(tcp + 2);
	pkt->flags = tcp[13];
	pkt->seq = *(__be32 *)(tcp + 4);
	pkt->ack_seq = *(__be32 *)(tcp + 8);
	pkt->tcp_offset = (__u16)((void *)tcp - cur->start);
	return PARSE_TCP;
}

static __always_inline enum parse_result parse_ipv4(struct cursor *cur, struct packet *pkt)
{
	struct iphdr *ip = cursor_take(cur, sizeof(*ip));
	__u32 header, total, offset;

	if (!ip || ip->version != 4 || ip->ihl < 5)
		return PARSE_MALFORMED;
	header = ip->ihl * 4;
	total = bpf_ntohs(ip->tot_len);
	if (total < header)
		return PARSE_MALFORMED;
	if (ip->protocol != IPPROTO_TCP && !(ip->frag_off & bpf_htons(0x1fff)))
		return PARSE_NOT_TCP;

	pkt->ip_offset = (__u16)((void *)ip - cur->start);
	pkt->saddr[2] = bpf_htonl(0xffff);
	pkt->saddr[3] = ip->saddr;
	pkt->daddr[2] = bpf_htonl(0xffff);
	pkt->daddr[3] = ip->daddr;
	offset = bpf_ntohs(ip->frag_off) & 0x1fff;
	if (offset)
		return offset == 1 && ip->protocol == IPPROTO_TCP ? PARSE_OVERLAP_FRAGMENT : PARSE_FRAGMENT;
	pkt->is_fragment = !!(ip->frag_off & bpf_htons(0x2000));

	cur->left = total - sizeof(*ip);
	if (!cursor_take(cur, header - sizeof(*ip)))
		return PARSE_MALFORMED;
	return parse_tcp(cur, pkt);
}

/* Its length in bytes if `next` is an extension header that we look through, else 0. */
static __always_inline __u32 extension_length(__u8 next, const __u8 *header)
{
	switch (next) {
	case IPPROTO_HOPOPTS:
	case IPPROTO_ROUTING:
	case IPPROTO_DSTOPTS:
		return (header[1] + 1) * 8;
	case IPPROTO_AH:
		return (header[1] + 2) * 4;
	case IPPROTO_FRAGMENT:
		return 8;
	default:
		return 0;
	}
}

static __always_inline int is_extension(__u8 next)
{
	return next == IPPROTO_HOPOPTS || next == IPPROTO_ROUTING || next == IPPROTO_DSTOPTS ||
	       next == IPPROTO_AH || next == IPPROTO_FRAGMENT;
}

/* Where a walk along the extension headers stands. */
struct chain {
	__u32 offset; /* of the header at hand, from the start of the frame */
	__u32 left;   /* bytes of payload from there on */
	__u8 next;    /* its protocol */
	__u8 is_fragment;
	__u8 pad[2];
};

/*
 * Walks over the extension headers. PARSE_TCP: `chain` stands at a TCP header. Few packets have
 * any, so it is a function of its own, which the verifier checks once and not behind every tag.
 */
__noinline int walk_extensions(struct xdp_md *ctx, struct chain *chain)
{
	void *data = (void *)(long)ctx->data;
	void *data_end = (void *)(long)ctx->data_end;
	__u32 offset, left;
	__u8 next;

	if (!chain)
		return PARSE_MALFORMED;
	offset = chain->offset;
	left = chain->left;
	next = chain->next;
	for (int i = 0; i < PARSE_MAX_CHAIN && is_extension(next); i++) {
		__u8 *header;
		__u32 length;

		offset &= PARSE_MAX_OFFSET;
		header = data + offset;
		if ((void *)header + 8 > data_end || left < 8)
			return chain->is_fragment ? PARSE_TINY_FRAGMENT : PARSE_MALFORMED;
		if (next == IPPROTO_FRAGMENT) {
			__u16 field = bpf_ntohs(*(__be16 *)(header + 2));

			if (field >> 3)
				return field >> 3 == 1 && header[0] == IPPROTO_TCP ? PARSE_OVERLAP_FRAGMENT
										   : PARSE_FRAGMENT;
			chain->is_fragment |= field & 1; /* an atomic one inside must not hide the outer */
		}
		length = extension_length(next, header);
		next = header[0];
		if (length > left)
			return chain->is_fragment ? PARSE_TINY_FRAGMENT : PARSE_MALFORMED;
		offset += length;
		left -= length;
	}
	chain->offset = offset;
	chain->left = left;
	if (is_extension(next))
		return PARSE_LONG_CHAIN;
	return next == IPPROTO_TCP ? PARSE_TCP : PARSE_NOT_TCP;
}

static __always_inline enum parse_result parse_ipv6(struct xdp_md *ctx, struct cursor *cur,
						    struct packet *pkt)
{
	struct ipv6hdr *ip = cursor_take(cur, sizeof(*ip));

	if (!ip || ip->version != 6)
		return PARSE_MALFORMED;
	if (ip->nexthdr != IPPROTO_TCP && !is_extension(ip->nexthdr))
		return PARSE_NOT_TCP;
	pkt->ip_offset = (__u16)((void *)ip - cur->start);
	__builtin_memcpy(pkt->saddr, &ip->saddr, 16);
	__builtin_memcpy(pkt->daddr, &ip->daddr, 16);
	/*
	 * A v4-mapped source never stands in an IPv6 header on the wire (Linux drops it), and must
	 * not be counted as the IPv4 address that it names.
	 */
	if (!pkt->saddr[0] && !pkt->saddr[1] && pkt->saddr[2] == bpf_htonl(0xffff))
		return PARSE_MALFORMED;
	if (ip->payload_len) /* 0: jumbogram, the frame's end decides */
		cur->left = bpf_ntohs(ip->payload_len);
	if (ip->nexthdr != IPPROTO_TCP) {
		struct chain chain = {(__u32)(cur->pos - cur->start), cur->left, ip->nexthdr, 0, {0, 0}};
		enum parse_result result = walk_extensions(ctx, &chain);
		__u32 offset = chain.offset;

		pkt->is_fragment = chain.is_fragment;
		if (result != PARSE_TCP)
			return result;
		OPAQUE(offset);
		offset &= PARSE_MAX_OFFSET;
		cur->pos = cur->start + offset;
		cur->left = chain.left;
	}
	return parse_tcp(cur, pkt);
}

/* `pkt` must be zero. */
static __always_inline enum parse_result parse_frame(struct xdp_md *ctx, struct packet *pkt)
{
	void *data = (void *)(long)ctx->data;
	struct cursor cur = {data, data, (void *)(long)ctx->data_end, 0xffffffff};
	__be16 proto = parse_link(ctx, &cur);

	if (proto == bpf_htons(ETH_P_IP))
		return parse_ipv4(&cur, pkt);
	if (proto == bpf_htons(ETH_P_IPV6))
		return parse_ipv6(ctx, &cur, pkt);
	if (is_tag(proto))
		return PARSE_MANY_TAGS;
	return PARSE_NOT_TCP;
}

#endif
