/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Everything that crosses the kernel border: keys, values, events, enumerations.
 * Read by the BPF program (C) and by userspace (C++); no other copy of a layout exists.
 *
 * Rules: fixed-width types only, padded by hand, a size assert under each struct.
 * Addresses and ports are in network byte order, everything else in host order.
 * An IPv4 address is written v4-mapped (::ffff:a.b.c.d), so that one key type, one table
 * and one counting function serve both families; a prefix length counts from 0 to 128 in
 * that space (IPv4 /32 is 128, IPv4 /24 is 120).
 */
#ifndef SLUICE_ABI_H
#define SLUICE_ABI_H

#include <linux/types.h>

#ifdef __cplusplus
#define SLUICE_SIZE(type, bytes) static_assert(sizeof(struct type) == (bytes))
#else
#define SLUICE_SIZE(type, bytes) _Static_assert(sizeof(struct type) == (bytes), "size of " #type)
#endif

/* Raised with every change of a layout below; pins of another version are never used. */
#define SLUICE_ABI_VERSION 1

#define SLUICE_MAX_CLASSES 256 /* class 0 is "default" */
#define SLUICE_MAX_SERVICES 16 /* service 0 is "not protected" */
#define SLUICE_NAME_LEN 32     /* names with their terminating zero */
#define SLUICE_MAX_LIMIT 64    /* the largest `connections` that the exact log can hold */
#define SLUICE_PORTS 65536
#define SLUICE_V4_BITS 96 /* an IPv4 prefix length plus this is the mapped length */

/* Time inside the log is kept in ticks: CLOCK_BOOTTIME nanoseconds / 256. */
#define SLUICE_TICK_SHIFT 8
#define SLUICE_TICK_NS (1ULL << SLUICE_TICK_SHIFT)

enum sluice_action {
	SLUICE_ACTION_OBSERVE = 0, /* counted and shown, never limited by its count */
	SLUICE_ACTION_LIMIT = 1,
	SLUICE_ACTION_EXEMPT = 2, /* never counted against, limited or banned */
};

enum sluice_mode {
	SLUICE_MODE_OBSERVE = 0, /* drop nothing */
	SLUICE_MODE_NFT = 1,	 /* nftables drops and logs */
	SLUICE_MODE_XDP = 2,	 /* XDP drops, nftables logs a sample */
};

/*
 * What became of one packet. Exactly one per packet, so the sum is the packets seen.
 * Names for JSON and text are in userspace/core/outcome.cpp, in this order.
 */
enum sluice_outcome {
	/* none of sluice's business: passed, not looked at further */
	SLUICE_NOT_TCP = 0, /* not IPv4/IPv6, or another protocol than TCP */
	SLUICE_OTHER_PORT,  /* TCP to a port in no service */
	SLUICE_NOT_SYN,	    /* TCP to a protected port, but no connection attempt */
	/* attempts */
	SLUICE_EXEMPT,		/* class or allow says exempt: passed */
	SLUICE_PASSED,		/* within its limit, or nothing limits it: passed */
	SLUICE_OVER_OBSERVED,	/* over, but its class observes: passed */
	SLUICE_WOULD_DROP,	/* over or banned, but the mode is observe: passed */
	SLUICE_LEFT_TO_NFT,	/* over or banned in mode nft: passed up to nftables */
	SLUICE_DROPPED_LIMITED, /* mode xdp: dropped because over */
	SLUICE_DROPPED_BANNED,	/* mode xdp: dropped because banned */
	SLUICE_SAMPLED,		/* mode xdp: dropped source's SYN made harmless, passed up to be logged */
	/* frames that cannot be judged by their header */
	SLUICE_MALFORMED,     /* headers cut short or contradicting themselves: passed */
	SLUICE_FRAGMENT,      /* non-first fragment of anything: passed */
	SLUICE_TINY_FRAGMENT, /* first fragment without complete TCP flags: passed (observe, exempt) */
	SLUICE_TINY_FRAGMENT_DROPPED,
	SLUICE_OVERLAP_FRAGMENT, /* TCP fragment at offset 8 (RFC 1858, RFC 3128): passed */
	SLUICE_OVERLAP_FRAGMENT_DROPPED,
	SLUICE_LONG_CHAIN, /* over 8 IPv6 extension headers or VLAN tags: passed */
	SLUICE_LONG_CHAIN_DROPPED,
	/* our own failures: all of them pass the packet */
	SLUICE_FAILED_CONTROL,	/* no control word, port table or policy */
	SLUICE_FAILED_CLASS,	/* no list of ranges is loaded */
	SLUICE_FAILED_ENTRY,	/* the kernel refused an entry for a new source */
	SLUICE_FAILED_RECYCLED, /* the entry was evicted while it was being written */
	SLUICE_OUTCOMES
};

/* Counted beside the outcomes, in the same per-CPU array. */
enum sluice_counter {
	SLUICE_EVENTS_LOST = SLUICE_OUTCOMES, /* ring buffer full */
	SLUICE_SOURCES_NEW,		      /* entries made */
	SLUICE_SAMPLES_SUPPRESSED,	      /* samples not taken because of log.max */
	SLUICE_CONTENDED,		      /* lost every race for a place in the log: treated as over */
	SLUICE_COUNTERS
};

struct sluice_counters {
	__u64 n[SLUICE_COUNTERS];
};
SLUICE_SIZE(sluice_counters, sizeof(__u64) * SLUICE_COUNTERS);

/* Map `control`, one element. Written under the writers' lock, read by every packet. */
struct sluice_control {
	__u64 mode_word;       /* see sluice_mode_at(); one word, so that it changes at once */
	__u32 generation;      /* its lowest bit selects the live half of ports, policies, ranges */
	__u32 sample_secret;   /* sequence number of samples; nftables knows a sample by it */
	__u64 log_every_ns;    /* at most one sample per source in this time */
	__u32 log_max;	       /* and this many samples per second in all */
	__u32 controller_pid;  /* of `sluice run`; 0: none. For commands, not for packets */
	__u32 reloads_refused; /* by the controller since the pins were made; commands wait for it */
	__u32 pad;
	__u64 wanted_word; /* mode word the operator asked for; comes into force again after a stop */
};
SLUICE_SIZE(sluice_control, 48);

/*
 * Mode word: bits 0-1 the mode until the deadline, bits 2-3 the mode after it,
 * bits 8-63 the deadline in CLOCK_BOOTTIME milliseconds, 0 for "no deadline".
 * In wanted_word alone: SLUICE_MODE_BY_OPERATOR, a command set it (else the configuration did);
 * SLUICE_MODE_BACK_TO_CONFIG, after its deadline the configuration holds again.
 */
#define SLUICE_MODE_BY_OPERATOR 16
#define SLUICE_MODE_BACK_TO_CONFIG 32

static inline __u64 sluice_mode_word(__u32 mode, __u32 afterwards, __u64 deadline_ms)
{
	return deadline_ms << 8 | (__u64)(afterwards & 3) << 2 | (mode & 3);
}

static inline __u32 sluice_mode_at(__u64 word, __u64 now_ns)
{
	__u64 deadline_ms = word >> 8;

	if (deadline_ms && now_ns >= deadline_ms * 1000000ULL)
		return (word >> 2) & 3;
	return word & 3;
}

/* Map `ports`, two elements (halves): service of each TCP port (host order index), 0 = not protected. */
struct sluice_ports {
	__u8 service[SLUICE_PORTS];
};
SLUICE_SIZE(sluice_ports, SLUICE_PORTS);

#define SLUICE_POLICY_COUNT_DROPPED 1 /* dropped attempts are logged too */

/* Map `policies`: what holds for one class and service. Index: sluice_policy_index(). */
struct sluice_policy {
	__u32 connections; /* at most this many attempts ... 0: nothing limits it */
	__u8 action;	   /* enum sluice_action */
	__u8 prefix4;	   /* IPv4 sources are counted by this many bits, mapped (96-128) */
	__u8 prefix6;	   /* IPv6 sources, 0-128 */
	__u8 flags;	   /* SLUICE_POLICY_* */
	__u64 per_ticks;   /* ... in any such time, rounded up */
	__u32 warn;	   /* reserved for the warning threshold; 0 */
	__u32 reserved;
};
SLUICE_SIZE(sluice_policy, 24);

static inline __u32 sluice_policy_index(__u32 half, __u32 class_id, __u32 service)
{
	return ((half & 1) * SLUICE_MAX_CLASSES + (class_id & (SLUICE_MAX_CLASSES - 1))) *
		   SLUICE_MAX_SERVICES +
	       (service & (SLUICE_MAX_SERVICES - 1));
}

#define SLUICE_POLICIES (2 * SLUICE_MAX_CLASSES * SLUICE_MAX_SERVICES)

/* Key of every longest-prefix map (the kernel's struct bpf_lpm_trie_key with 16 bytes of data). */
struct sluice_lpm_key {
	__u32 prefix_len; /* host order, 0-128, mapped */
	__be32 addr[4];
};
SLUICE_SIZE(sluice_lpm_key, 20);

/* Value of a list of ranges (inner maps of `ranges`): the class of the longest range. */
struct sluice_class_ref {
	__u16 class_id;
	__u8 prefix_len; /* of the matching range: the kernel does not tell it on look-up */
	__u8 pad;
	__u32 range_id; /* position in the configuration's list of ranges */
};
SLUICE_SIZE(sluice_class_ref, 8);

/* Value of `bans` and `allows`: an operator's word about a prefix. Never edited by the kernel. */
struct sluice_override {
	__u64 since_ns;	    /* CLOCK_BOOTTIME */
	__u64 until_ns;	    /* CLOCK_BOOTTIME; ends by itself, whoever is alive */
	__u64 since_wall_s; /* CLOCK_REALTIME seconds, for people and for the next boot */
	__u8 prefix_len;    /* as in the key */
	__u8 pad[7];
	char reason[96]; /* UTF-8, zero-terminated */
	char who[32];
};
SLUICE_SIZE(sluice_override, 160);

/* Key of `sources`: one count per source and service. */
struct sluice_source_key {
	__be32 addr[4];	 /* masked to prefix_len */
	__u8 prefix_len; /* 0-128, mapped */
	__u8 service;
	__u8 pad[2];
};
SLUICE_SIZE(sluice_source_key, 20);

/*
 * Value of `sources`: the log of one source and service. Written by the packet path only;
 * userspace reads it and deletes it, but never updates it (an update would lose attempts
 * that arrive meanwhile). window.h has the rules for head and slots.
 */
struct sluice_source {
	__u64 owner;	     /* fingerprint of the key: tells an entry recycled under our hands */
	__u64 head;	     /* next place to be written: lap << 8 | index; laps count from 1 */
	__u64 until_ns;	     /* release moment as of the last attempt that was over; 0: not over */
	__u64 since_ns;	     /* when the present (or last) time over began */
	__u64 sampled_ns;    /* when the last sample was let through for logging */
	__u64 first_over_ns; /* when this source was over for the first time; 0: never */
	__u64 last_ns;	     /* the latest attempt, dropped or not */
	__u64 attempts;	     /* since the entry was made */
	__u64 over;	     /* attempts that were over */
	__u16 class_id;	     /* as of the last attempt */
	__u8 pad[2];
	__u32 times_over;	       /* edges: separate times over */
	__u64 slots[SLUICE_MAX_LIMIT]; /* as many as the rodata word log_capacity says */
};
SLUICE_SIZE(sluice_source, 80 + sizeof(__u64) * SLUICE_MAX_LIMIT);
#define SLUICE_SOURCE_SIZE(capacity) (80 + 8 * (capacity))

/* Map `tallies`, per CPU, index class * SLUICE_MAX_SERVICES + service. */
struct sluice_tally {
	__u64 attempts; /* exempt ones included */
	__u64 over;	/* attempts that were over, whatever became of them */
	__u64 dropped;	/* by XDP: limited, banned, sampled */
	__u64 banned;	/* attempts that met a ban, whatever became of them */
};
SLUICE_SIZE(sluice_tally, 32);
#define SLUICE_TALLIES (SLUICE_MAX_CLASSES * SLUICE_MAX_SERVICES)

/* Map `names`: classes first, then services; empty where unused. Written at reload. */
struct sluice_name {
	char text[SLUICE_NAME_LEN];
};
SLUICE_SIZE(sluice_name, SLUICE_NAME_LEN);
#define SLUICE_NAMES (SLUICE_MAX_CLASSES + SLUICE_MAX_SERVICES)

/* Ring buffer `events`: a source became over. One per edge, never per packet. */
struct sluice_event {
	__u64 time_ns;	/* CLOCK_BOOTTIME of the attempt that crossed the limit */
	__u64 until_ns; /* release moment as of that attempt */
	__u64 attempts; /* of this source and service since its entry was made */
	struct sluice_source_key key;
	__be32 saddr[4]; /* the very address, not its prefix */
	__be32 daddr[4];
	__be16 sport;
	__be16 dport;
	__u16 class_id;
	__u8 action; /* enum sluice_action of the class */
	__u8 pad;
	__u32 ifindex;
};
SLUICE_SIZE(sluice_event, 88);

/* Map `identity`, one element: who made these pins. Written once, before the first attach. */
struct sluice_identity {
	__u32 abi_version;
	__u32 log_capacity; /* slots per source */
	__u64 netns_inode;  /* of the network namespace that sluice works in */
	char boot_id[40];   /* /proc/sys/kernel/random/boot_id */
	char version[24];   /* of the program that made them */
};
SLUICE_SIZE(sluice_identity, 80);

/*
 * Map `ledger`, index = class, or SLUICE_LEDGER_RANGES: packets that nftables dropped. nftables' own counters start at
 * zero with every new table; what earlier tables counted is kept here, so that the sum only grows.
 */
#define SLUICE_LEDGER_RANGES SLUICE_MAX_CLASSES /* bans that are no source: one counter for all */
#define SLUICE_LEDGERS (SLUICE_MAX_CLASSES + 1)
struct sluice_ledger {
	__u64 base; /* counted by tables that are gone */
	__u64 seen; /* last reading of the present table's counter */
};
SLUICE_SIZE(sluice_ledger, 16);

/*
 * Map `shape`, two elements (halves): what the nft table is made of beside names, ports and policies, so
 * that a command can keep it true without the configuration. Written at reload, never read by packets.
 */
#define SLUICE_MAX_LENGTHS 4
struct sluice_shape {
	__u8 prefixes4[SLUICE_MAX_LENGTHS]; /* source prefix lengths in use, mapped, ascending */
	__u8 prefixes6[SLUICE_MAX_LENGTHS];
	__u8 count4;
	__u8 count6;
	__u8 pad[6];
	char log_prefix[128]; /* zero-terminated */
};
SLUICE_SIZE(sluice_shape, 144);

/* Map `pace`, one element: samples taken in this second, second << 32 | count. */

#endif
