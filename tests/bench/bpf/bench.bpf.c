// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Three XDP programs of the benchmark: `flood` makes SYNs out of recycled frames
 * (BPF_F_TEST_XDP_LIVE_FRAMES), `drop_all` is the floor below every limiter, `count_pass` the
 * floor below every program that lets a packet through.
 */
#include <linux/bpf.h>
#include <linux/if_ether.h>
#include <linux/ip.h>
#include <linux/tcp.h>
#include <bpf/bpf_helpers.h>
#include <bpf/bpf_endian.h>

#include "plan.h"

struct bench_plan plan = {};

struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, __u64);
} seen SEC(".maps");

static __always_inline void count_frame(void)
{
	__u32 zero = 0;
	__u64 *frames = bpf_map_lookup_elem(&seen, &zero);

	if (frames)
		*frames += 1;
}

/*
 * A permutation of the numbers under the mask (each step can be undone): every source comes once
 * in as many frames, in an order that no table and no prefetcher can follow.
 */
static __always_inline __u32 scramble(__u32 x, __u32 mask, __u32 shift)
{
	x &= mask;
	x ^= x >> shift;
	x = (x * 0x7feb352d) & mask;
	x ^= x >> shift;
	x = (x * 0x846ca68b) & mask;
	x ^= x >> shift;
	return x;
}

static __always_inline __u16 fold(__u64 sum)
{
	sum = (sum & 0xffff) + (sum >> 16);
	sum = (sum & 0xffff) + (sum >> 16);
	sum = (sum & 0xffff) + (sum >> 16);
	return (__u16)~sum;
}

/* A frame comes back as its last receiver left it, so it is written anew from end to end. */
static __always_inline void write_template(void *data)
{
	__u64 *words = data;

#pragma unroll
	for (int i = 0; i < BENCH_FRAME / 8; i++)
		words[i] = plan.frame[i];
	*(__u16 *)(words + BENCH_FRAME / 8) = (__u16)plan.frame[BENCH_FRAME / 8];
}

SEC("xdp")
int flood(struct xdp_md *ctx)
{
	void *data = (void *)(long)ctx->data;
	void *end = (void *)(long)ctx->data_end;
	struct iphdr *ip = data + sizeof(struct ethhdr);
	struct tcphdr *tcp = (void *)(ip + 1);

	if (data + BENCH_FRAME > end)
		return XDP_ABORTED;
	write_template(data);

	__u64 number = plan.next++;
	__u32 spread = (__u32)number * 0x9e3779b1; /* no two of 2^32 frames share it */
	__u32 address = bpf_htonl(plan.base + scramble((__u32)number, plan.mask, plan.shift));
	__u16 port = bpf_htons((__u16)(1024 + (spread >> 17)));
	__u32 halves = (address & 0xffff) + (address >> 16);

	ip->saddr = address;
	ip->check = fold((__u64)plan.ip_sum + halves);
	tcp->source = port;
	tcp->seq = spread;
	tcp->check = fold((__u64)plan.tcp_sum + halves + port + (spread & 0xffff) + (spread >> 16));
	return XDP_TX;
}

SEC("xdp")
int drop_all(struct xdp_md *ctx)
{
	count_frame();
	return XDP_DROP;
}

SEC("xdp")
int count_pass(struct xdp_md *ctx)
{
	count_frame();
	return XDP_PASS;
}

char LICENSE[] SEC("license") = "GPL";
