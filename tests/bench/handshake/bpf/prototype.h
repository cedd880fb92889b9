/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What the prototypes of handshake counting and their loader both know. */
#ifndef HANDSHAKE_PROTOTYPE_H
#define HANDSHAKE_PROTOTYPE_H

#include <linux/types.h>

enum proto_counter {
	PROTO_SYNS_PASSED = 0,
	PROTO_SYNS_DROPPED,
	PROTO_ACKS,	 /* ACK segments to the port, family B alone */
	PROTO_LOOKED_UP, /* of these, how many asked the socket table */
	PROTO_COMPLETED,
	PROTO_REFUSED, /* segments, so one connection may count several times */
	PROTO_COUNTERS
};

enum proto_refusal {
	REFUSE_BY_SYN = 0,
	REFUSE_BY_DROP,
	REFUSE_BY_RST,
};

enum proto_state { PROGRESS_OPENING = 0, PROGRESS_PASSED, PROGRESS_REFUSED };

struct proto_address {
	__be32 addr[4]; /* IPv4 is mapped */
};

struct proto_source {
	__u64 completed;
	__u64 refused;
};

struct proto_connection {
	__be32 saddr[4];
	__be32 daddr[4];
	__be16 sport;
	__be16 dport;
};

struct proto_progress {
	__u32 state; /* enum proto_state */
};

#endif
