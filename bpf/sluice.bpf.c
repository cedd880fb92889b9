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
#include "common.h"
#include "parse.h"
#include "classify.h"
#include "attempt.h"
#include "handshake.h"

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
	int outcome;

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
	at.flags = ctl->flags;
	if (parsed == PARSE_TCP && (pkt.flags & (TCP_SYN | TCP_ACK | TCP_RST | TCP_FIN)) != TCP_SYN) {
		if ((pkt.flags & (TCP_SYN | TCP_ACK | TCP_RST)) != TCP_ACK)
			return SLUICE_NOT_SYN;
		at.now = packet_time(ctx);
		if (!(at.flags & SLUICE_CONTROL_HANDSHAKES) && !refused_lately(at.now))
			return SLUICE_NOT_SYN;
		at.mode = sluice_mode_at(WINDOW_READ(ctl->mode_word), at.now);
		at.ifindex = ctx->ingress_ifindex;
		outcome = judge_ack(ctx, &pkt, &at, service);
		if (outcome == SLUICE_REFUSED)
			refuse(ctx, &pkt);
		return outcome;
	}

	at.now = packet_time(ctx);
	at.ifindex = ctx->ingress_ifindex;
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
