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
#define SLUICE_ABI_VERSION 2

#define SLUICE_MAX_CLASSES 256 /* class 0 is "default" */
#define SLUICE_MAX_SERVICES 16 /* service 0 is "not protected" */
#define SLUICE_NAME_LEN 32     /* names with their terminating zero */
#define SLUICE_MAX_LIMIT 64    /* the largest `connections` that the exact log can hold */
#define SLUICE_MAX_LARGE 10000 /* the largest `connections` that the large windows can hold */
#define SLUICE_PORTS 65536
#define SLUICE_V4_BITS 96 /* an IPv4 prefix length plus this is the mapped length */

/* Time inside the log is kept in ticks: CLOCK_BOOTTIME nanoseconds / 256. */
#define SLUICE_TICK_SHIFT 8
#define SLUICE_TICK_NS (1ULL << SLUICE_TICK_SHIFT)

/*
 * Moments that only people read are kept coarse: CLOCK_BOOTTIME in units of 2^24 ns (16.8 ms) in
 * 32 bits, which come round after 2.2 years; 0 means never.
 */
#define SLUICE_COARSE_SHIFT 24

static inline __u32 sluice_coarse(__u64 ns)
{
	__u32 moment = (__u32)(ns >> SLUICE_COARSE_SHIFT);

	return moment ? moment : 1;
}

/* The latest moment not after now_ns (or less than 32 units after it) that is written so. */
static inline __u64 sluice_from_coarse(__u32 moment, __u64 now_ns)
{
	__u32 age = (__u32)(now_ns >> SLUICE_COARSE_SHIFT) - moment;
	__u64 back;

	if (!moment)
		return 0;
	if (age > 0xffffffdf)
		return now_ns;
	back = (__u64)age << SLUICE_COARSE_SHIFT;
	return back > now_ns ? 0 : (now_ns - back) >> SLUICE_COARSE_SHIFT << SLUICE_COARSE_SHIFT;
}

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
	SLUICE_RETRANSMITTED,	/* a SYN that was let through comes again: passed, not counted */
	SLUICE_UNLISTED,	/* no room for a newcomer in a table full of others: passed, not counted */
	/* count = "handshake" */
	SLUICE_UNVERIFIED,   /* a SYN; whether its sender is real is not known yet: passed */
	SLUICE_UNVERIFIABLE, /* a SYN to a port on which nobody listens here: passed */
	SLUICE_COMPLETED,    /* the segment that completes a handshake: counted, passed */
	SLUICE_REFUSED,	     /* mode xdp: the same over the limit; made to reset the connection */
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
	SLUICE_SOURCES_EVICTED,		      /* entries of live sources that had to make room for others */
	SLUICE_SOURCES_EXPIRED,		      /* entries of sources idle for long that were used again */
	SLUICE_SOURCES_REFUSED,		      /* newcomers for which there was no room */
	SLUICE_SOURCES_MOVED,		      /* entries taken over from the table before a reload */
	SLUICE_MEMORY_REFUSED,		      /* no room to remember more pending connections of a source */
	SLUICE_LARGE_REFUSED,		      /* no room for the window of a limit above 64 */
	SLUICE_COMPLETED_ELSEWHERE,	      /* handshakes seen in other network namespaces */
	SLUICE_WARNED,			      /* sources that reached the warning threshold */
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
	__u32 flags;	       /* SLUICE_CONTROL_* */
	__u64 wanted_word;     /* mode word the operator asked for; comes into force again after a stop */
	__u64 trusted_ns;      /* classes that entries remember from before this moment are looked up again */
	__u64
	    retention_ns; /* a source idle for so long is of no interest: the longest `per`, at least 130 s */
	__u64 moving_until_ns; /* until then a source that is not in the table is looked up in the old one */
	__u64 evictions_ns;    /* one live source in this time may be evicted for an unverified newcomer */
	__u32 age_shift;       /* see table_age_shift() */
	__u32 pad;
};
SLUICE_SIZE(sluice_control, 88);

#define SLUICE_CONTROL_HANDSHAKES 1 /* some policy counts handshakes */
#define SLUICE_CONTROL_PLAIN6 2	    /* no IPv6 range is longer than /64, and all are counted by /64 */

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
#define SLUICE_POLICY_HANDSHAKE 2     /* completed handshakes are counted, not SYNs */

/* Map `policies`: what holds for one class and service. Index: sluice_policy_index(). */
struct sluice_policy {
	__u32 connections; /* at most this many attempts ... 0: nothing limits it */
	__u8 action;	   /* enum sluice_action */
	__u8 prefix4;	   /* IPv4 sources are counted by this many bits, mapped (96-128) */
	__u8 prefix6;	   /* IPv6 sources, 0-128 */
	__u8 flags;	   /* SLUICE_POLICY_* */
	__u64 per_ticks;   /* ... in any such time, rounded up */
	__u32 warn;	   /* a source that reaches this many is reported, once until it is below; 0: never */
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
 * Map `sets`: where the entry of a source is. Each source may be in one of two sets, chosen by its
 * key; a set has 16 ways, and way w of set s speaks for element s * 16 + w of `sources`.
 * A way is 0 (free) or tag << 12 | tier << 10 | age; table.h has the rules. 64 bytes, so that a
 * look-up touches one cache line for each set.
 */
#define SLUICE_WAYS 16
struct sluice_set {
	__u32 way[SLUICE_WAYS];
};
SLUICE_SIZE(sluice_set, 64);

/* Who is evicted first. Only a higher tier, or idleness, makes room in a tier. */
enum sluice_tier {
	SLUICE_TIER_FREE = 0,
	SLUICE_TIER_UNVERIFIED = 1, /* sent SYNs, perhaps with a forged address */
	SLUICE_TIER_VERIFIED = 2,   /* has completed a handshake */
	SLUICE_TIER_OVER = 3,	    /* was over since it was last idle for long */
};

/* Retransmission memory inside an entry; more of it is in map `memories`. pending.h has the format. */
#define SLUICE_INLINE_PENDING 2

/*
 * Element of `sources`: the log of one source and service. Written by the packet path only;
 * userspace reads it and frees it, but never updates it (an update would lose attempts that arrive
 * meanwhile). window.h has the rules for head and slots. `attempts` and `over` stop at their
 * largest value.
 */
struct sluice_source {
	__be32 addr[4]; /* these three are the key */
	__u8 prefix_len;
	__u8 service;
	__u16 times_over; /* edges: separate times over; stops at 65535 */
	__u32 life;	  /* tells this life of the element from others; 0: it is being made */
	__u64 head;	  /* next place to be written: lap << 8 | index; laps count from 1 */
	__u64 until_ns;	  /* release moment as of the last attempt that was over; 0: not over */
	__u32 attempts;	  /* SYNs since the entry was made, and handshakes completed without one seen */
	__u32 over;	  /* attempts that were over */
	__u32 last;	  /* coarse: the latest attempt, dropped or not; class_id is as of it */
	__u32 since;	  /* coarse: when the present (or last) time over began */
	__u16 class_id;
	__u16 level;   /* attempts in the last `per`, decaying, in sixteenths; stops at 65535 */
	__u16 sampled; /* when the last sample was let through for logging, in units of 2^30 ns; 0: never */
	__u8 peak;     /* SLUICE_PEAK_MASK: the largest level so far in whole attempts; SLUICE_PEAK_WARNED */
	__u8 blocks;   /* 1-8, its block in the group of `memories`; << 4 the same of `larges`; 0: none */
	__u64 pending[SLUICE_INLINE_PENDING];
	__u64 slots[SLUICE_MAX_LIMIT]; /* as many as the rodata word log_capacity says */
};
#define SLUICE_SOURCE_HEAD 80
SLUICE_SIZE(sluice_source, SLUICE_SOURCE_HEAD + sizeof(__u64) * SLUICE_MAX_LIMIT);
#define SLUICE_SOURCE_SIZE(capacity) (SLUICE_SOURCE_HEAD + 8 * (capacity))

#define SLUICE_PEAK_MASK 0x7f
#define SLUICE_PEAK_WARNED 0x80 /* reported at its warning threshold, and not below it since */

/*
 * Element of `memories`: retransmission memory of a source with more than two pending connections,
 * or of one that is over. Groups of 8; the key chooses the group.
 */
#define SLUICE_GROUP 8
#define SLUICE_MEMORY_MIN 16 /* connections remembered, or as many as the largest exact limit */
#define SLUICE_MEMORY_DROPPED 8
struct sluice_memory {
	__u64 owner;   /* fingerprint of the key; 0: free */
	__u64 used_ns; /* CLOCK_BOOTTIME */
	__u32 next;    /* position of the next record, in each of the two rings */
	__u32 next_dropped;
	__u64 pad;
	__u64 dropped[SLUICE_MEMORY_DROPPED]; /* attempts that were dropped */
	__u64 let_through[SLUICE_MAX_LIMIT];  /* as many as the rodata word memory_capacity says */
};
#define SLUICE_MEMORY_HEAD (32 + 8 * SLUICE_MEMORY_DROPPED)
SLUICE_SIZE(sluice_memory, SLUICE_MEMORY_HEAD + sizeof(__u64) * SLUICE_MAX_LIMIT);
#define SLUICE_MEMORY_SIZE(capacity) (SLUICE_MEMORY_HEAD + 8 * (capacity))

/* Element of `larges`: the window of a source whose limit is above 64. large.h has the rules. */
#define SLUICE_LARGE_BUCKETS 64 /* 33 are in use; a power of two */
struct sluice_large {
	__u64 owner;
	__u64 used_ns;
	__u64 head;	 /* bucket << 24 | attempts in the window */
	__u64 base;	 /* position in the log of the first attempt that counts by itself; 0: being filled */
	__u64 per_ticks; /* what the buckets are made for */
	__u64 buckets[SLUICE_LARGE_BUCKETS]; /* number of the bucket << 24 | attempts in it */
};
SLUICE_SIZE(sluice_large, 40 + 8 * SLUICE_LARGE_BUCKETS);

/* What `advise` asks about: 5, 10, 20, 50 and 100 attempts per `per` (60 s where nothing limits). */
#define SLUICE_TRIAL_LIMITS 5
#define SLUICE_TRIAL_LIMIT(i) ((i) == 0 ? 5 : (i) == 1 ? 10 : (i) == 2 ? 20 : (i) == 3 ? 50 : 100)

/* Map `tallies`, per CPU, index class * SLUICE_MAX_SERVICES + service. */
struct sluice_tally {
	__u64 attempts;			    /* exempt ones included */
	__u64 over;			    /* attempts that were over, whatever became of them */
	__u64 dropped;			    /* by XDP: limited, banned, sampled */
	__u64 banned;			    /* attempts that met a ban, whatever became of them */
	__u64 completed;		    /* handshakes, whatever became of them */
	__u64 stopped[SLUICE_TRIAL_LIMITS]; /* attempts that each of the trial limits would have stopped */
};
SLUICE_SIZE(sluice_tally, 80);
#define SLUICE_TALLIES (SLUICE_MAX_CLASSES * SLUICE_MAX_SERVICES)

/* Map `names`: classes first, then services; empty where unused. Written at reload. */
struct sluice_name {
	char text[SLUICE_NAME_LEN];
};
SLUICE_SIZE(sluice_name, SLUICE_NAME_LEN);
#define SLUICE_NAMES (SLUICE_MAX_CLASSES + SLUICE_MAX_SERVICES)

enum sluice_event_kind {
	SLUICE_EVENT_OVER = 0, /* the source became over */
	SLUICE_EVENT_WARN = 1, /* it reached the warning threshold of its limit */
};

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
	__u8 action;   /* enum sluice_action of the class */
	__u8 kind;     /* enum sluice_event_kind */
	__u32 ifindex; /* 0: seen by its socket */
	__u32 count;   /* attempts in the last `per`, this one included (warning: that many at least) */
	__u32 pad;
};
SLUICE_SIZE(sluice_event, 96);

/* Map `identity`, one element: who made these pins. Written once, before the first attach. */
struct sluice_identity {
	__u32 abi_version;
	__u32 log_capacity; /* slots per source */
	__u64 netns_inode;  /* of the network namespace that sluice works in */
	char boot_id[40];   /* /proc/sys/kernel/random/boot_id */
	char version[24];   /* of the program that made them */
	__u64 hash_seed;    /* of the places of sources in `sets`; a table must be read with its own */
};
SLUICE_SIZE(sluice_identity, 88);

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

/* Map `pace`, elements by enum sluice_pace. */
enum sluice_pace {
	SLUICE_PACE_SAMPLES = 0, /* samples taken in this second, second << 32 | count */
	SLUICE_PACE_EVICTIONS,	 /* CLOCK_BOOTTIME ns of the last eviction for an unverified newcomer */
	SLUICE_PACE_REFUSED,	 /* CLOCK_BOOTTIME ns when a newcomer was refused last, about */
	SLUICE_PACE_MEMORIES,	 /* CLOCK_BOOTTIME ns when no block of memory was free last, about */
	SLUICE_PACES
};

/*
 * Map `handshakes`: which connections are being opened, so that only their segments are looked at.
 * Index: hash of the addresses and ports. tuple fingerprint << 32 | SLUICE_CELL_SHARED |
 * coarse time in 31 bits. A cell that is not young sends its segments past.
 * Map `elsewhere`: SYNs for which nobody listens here, by peer address, port and ISN:
 * fingerprint << 32 | service << 28 | coarse time in 28 bits.
 * Map `listeners`: whether anybody listens, by address and port:
 * fingerprint << 32 | found << 31 | coarse time in 31 bits.
 */
#define SLUICE_CELL_SHARED 0x80000000U
#define SLUICE_GUARDS 4096
#define SLUICE_ELSEWHERE 16384
#define SLUICE_LISTENERS 256

#endif
