/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What the generator is told and how far it is: shared by the BPF program and the process that
 * runs it.
 */
#ifndef BENCH_PLAN_H
#define BENCH_PLAN_H

#include <linux/types.h>

#define BENCH_FRAME 74 /* Ethernet, IPv4, TCP with the options that Linux sends in a SYN */

struct bench_plan {
	__u64 next;    /* number of the next frame */
	__u32 base;    /* first source address, host order */
	__u32 mask;    /* sources - 1; their number is a power of two */
	__u32 shift;   /* half the bits of mask, rounded up; of scramble() */
	__u32 ip_sum;  /* of the IPv4 header without the source address, unfolded, as in memory */
	__u32 tcp_sum; /* of pseudo header and TCP without source address, port and sequence number */
	__u32 reserved;
	__u64 frame[(BENCH_FRAME + 7) / 8]; /* what every frame begins as */
};

#endif
