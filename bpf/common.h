/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What every stage of the pipeline needs: frozen words, the moment, the counters. */
#ifndef SLUICE_COMMON_H
#define SLUICE_COMMON_H

#include "maps.h"

/* Set before load, frozen after. */
const volatile __u32 log_capacity = SLUICE_MAX_LIMIT;
const volatile __u32 memory_capacity = SLUICE_MAX_LIMIT; /* connections in a block of `memories` */
const volatile __u32 set_count = 8192;
const volatile __u32 memory_groups = 512;
const volatile __u32 large_groups = 1;
const volatile __u32 handshake_cells = 32768; /* a power of two */
const volatile __u32 old_log_capacity = 1;
const volatile __u32 old_set_count = 1;
const volatile __u64 hash_seed = 1;
const volatile __u64 own_netns = 0; /* inode of the network namespace that sluice works in */
/* 1: the time of each frame stands in its metadata (8 bytes, host order), for captures. */
const volatile __u8 time_in_metadata = 0;

#define TCP_FIN 0x01
#define TCP_SYN 0x02
#define TCP_RST 0x04
#define TCP_ACK 0x10

/* What holds while one packet is judged. */
struct moment {
	__u64 now; /* CLOCK_BOOTTIME ns */
	__u32 half;
	__u32 mode;
	__u32 flags;   /* SLUICE_CONTROL_* */
	__u32 ifindex; /* 0: not seen as a packet */
};

static __always_inline void count_event(__u64 counter)
{
	__u32 zero = 0;
	struct sluice_counters *all = bpf_map_lookup_elem(&counters, &zero);

	if (all)
		all->n[counter]++;
}

#endif
