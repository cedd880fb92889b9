// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Two families of hooks that learn which handshakes were completed, far enough to measure them
 * against each other (docs/handshakes.md). The count is a plain number without a window.
 *
 * A: the socket's own state (tp_btf/inet_sock_set_state, or sock_ops) counts; XDP drops the SYNs of
 *    a source that has used up its limit.
 * B: XDP at the ACK that completes the handshake counts before the socket exists, so it can refuse
 *    it too: in the way that was chosen (SYN beside ACK) and in two that lost (dropping it, RST).
 */
#include <linux/bpf.h>
#include <bpf/bpf_core_read.h>
#include <bpf/bpf_endian.h>
#include <bpf/bpf_helpers.h>
#include <bpf/bpf_tracing.h>

#include "parse.h"
#include "prototype.h"

#define AF_INET 2
#define AF_INET6 10
#define TCP_ESTABLISHED 1
#define TCP_SYN_RECV 3
#define TCP_LISTEN 10
#define TCP_NEW_SYN_RECV 12

#define FLAG_FIN 0x01
#define FLAG_SYN 0x02
#define FLAG_RST 0x04
#define FLAG_ACK 0x10

const volatile __u16 port = 25; /* host order */
const volatile __u32 limit = 10;
const volatile __u32 refusal = REFUSE_BY_SYN;
const volatile __u32 own_netns; /* inode; these hooks see the sockets of all namespaces */
const volatile __u64 own_netns_cookie;
const volatile __u8 only_recent_syns = 1; /* 0: every ACK to the port is looked up */

struct {
	__uint(type, BPF_MAP_TYPE_LRU_HASH);
	__uint(max_entries, 65536);
	__type(key, struct proto_address);
	__type(value, struct proto_source);
} sources SEC(".maps");

/* Connections whose SYN passed lately. */
struct {
	__uint(type, BPF_MAP_TYPE_LRU_HASH);
	__uint(max_entries, 65536);
	__type(key, struct proto_connection);
	__type(value, struct proto_progress);
} opening SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, PROTO_COUNTERS);
	__type(key, __u32);
	__type(value, __u64);
} counters SEC(".maps");

/* What of the kernel's structures is read; resolved against the running kernel when loaded. */
struct ns_common {
	unsigned int inum;
} __attribute__((preserve_access_index));

struct net {
	struct ns_common ns;
} __attribute__((preserve_access_index));

typedef struct {
	struct net *net;
} __attribute__((preserve_access_index)) possible_net_t;

struct sock_common {
	unsigned short skc_family;
	possible_net_t skc_net;
	__u16 skc_num;
	__be32 skc_daddr;
	struct {
		__be32 in6_u[4];
	} skc_v6_daddr;
} __attribute__((preserve_access_index));

struct sock {
	struct sock_common __sk_common;
	__u16 sk_protocol;
} __attribute__((preserve_access_index));

struct tcp_request_sock {
	__u32 snt_isn;
} __attribute__((preserve_access_index));

static __always_inline void count(__u32 which)
{
	__u64 *n = bpf_map_lookup_elem(&counters, &which);

	if (n)
		__sync_fetch_and_add(n, 1);
}

static __always_inline struct proto_source *source_of(const struct proto_address *address)
{
	struct proto_source blank = {};
	struct proto_source *source = bpf_map_lookup_elem(&sources, address);

	if (source)
		return source;
	bpf_map_update_elem(&sources, address, &blank, BPF_NOEXIST);
	return bpf_map_lookup_elem(&sources, address);
}

/* 1 if this packet is a TCP segment to the port. */
static __always_inline int parse_ours(struct xdp_md *ctx, struct packet *pkt)
{
	return parse_frame(ctx, pkt) == PARSE_TCP && pkt->dport == bpf_htons(port);
}

static __always_inline int is_syn(const struct packet *pkt)
{
	return (pkt->flags & (FLAG_SYN | FLAG_ACK | FLAG_RST | FLAG_FIN)) == FLAG_SYN;
}

/* The TCP header of a parsed packet, or NULL. */
static __always_inline struct tcphdr *tcp_header(struct xdp_md *ctx, const struct packet *pkt)
{
	void *data = (void *)(long)ctx->data, *data_end = (void *)(long)ctx->data_end;
	__u32 offset = pkt->tcp_offset & 0x7ff;
	struct tcphdr *tcp;

	OPAQUE(offset);
	offset &= 0x7ff;
	tcp = data + offset;
	return (void *)(tcp + 1) > data_end ? NULL : tcp;
}

/* ---- family A */

static __always_inline int socket_completed(const struct proto_address *address)
{
	struct proto_source *source = source_of(address);

	count(PROTO_COMPLETED);
	if (source)
		__sync_fetch_and_add(&source->completed, 1);
	return 0;
}

SEC("tp_btf/inet_sock_set_state")
int BPF_PROG(state_changed, const struct sock *sk, int oldstate, int newstate)
{
	struct proto_address address = {{0, 0, bpf_htonl(0xffff), 0}};
	const struct sock_common *common = &sk->__sk_common;

	if (oldstate != TCP_SYN_RECV || newstate != TCP_ESTABLISHED)
		return 0;
	if (sk->sk_protocol != IPPROTO_TCP || common->skc_num != port ||
	    common->skc_net.net->ns.inum != own_netns)
		return 0;
	if (common->skc_family == AF_INET)
		address.addr[3] = common->skc_daddr;
	else
		bpf_probe_read_kernel(&address, sizeof(address), &common->skc_v6_daddr);
	return socket_completed(&address);
}

SEC("sockops")
int passive_established(struct bpf_sock_ops *ops)
{
	struct proto_address address = {{0, 0, bpf_htonl(0xffff), 0}};
	__be32 peer4;

	if (ops->op != BPF_SOCK_OPS_PASSIVE_ESTABLISHED_CB || ops->local_port != port ||
	    bpf_get_netns_cookie(ops) != own_netns_cookie)
		return 1;
	/* read before the branch: the verifier wants each field at its own offset from the context */
	peer4 = ops->remote_ip4;
	OPAQUE(peer4);
	if (ops->family == AF_INET6) {
		address.addr[0] = ops->remote_ip6[0];
		address.addr[1] = ops->remote_ip6[1];
		address.addr[2] = ops->remote_ip6[2];
		address.addr[3] = ops->remote_ip6[3];
	} else {
		address.addr[3] = peer4;
	}
	socket_completed(&address);
	return 1;
}

SEC("xdp")
int drop_syns_of_over(struct xdp_md *ctx)
{
	struct packet pkt = {};
	struct proto_source *source;

	if (!parse_ours(ctx, &pkt) || !is_syn(&pkt))
		return XDP_PASS;
	source = bpf_map_lookup_elem(&sources, pkt.saddr);
	if (source && *(volatile __u64 *)&source->completed >= limit) {
		count(PROTO_SYNS_DROPPED);
		return XDP_DROP;
	}
	count(PROTO_SYNS_PASSED);
	return XDP_PASS;
}

/* ---- family B */

static __always_inline void connection_of(const struct packet *pkt, struct proto_connection *key)
{
	__builtin_memcpy(key->saddr, pkt->saddr, 16);
	__builtin_memcpy(key->daddr, pkt->daddr, 16);
	key->sport = pkt->sport;
	key->dport = pkt->dport;
}

static __always_inline int cookie_is_valid(struct xdp_md *ctx, struct packet *pkt, struct bpf_sock *listener)
{
	void *data = (void *)(long)ctx->data, *data_end = (void *)(long)ctx->data_end;
	struct tcphdr *tcp = tcp_header(ctx, pkt);
	struct ethhdr *eth = data;
	void *ip = eth + 1;

	/* without tags and options, which nobody sends in the measurement */
	if (!tcp || ip + sizeof(struct ipv6hdr) > data_end)
		return 0;
	if (eth->h_proto == bpf_htons(ETH_P_IP))
		return !bpf_tcp_check_syncookie(listener, ip, sizeof(struct iphdr), tcp, sizeof(*tcp));
	return !bpf_tcp_check_syncookie(listener, ip, sizeof(struct ipv6hdr), tcp, sizeof(*tcp));
}

/*
 * The sequence number of the SYN-ACK. bpf_skc_to_tcp_request_sock() would refuse the requests of MPTCP
 * listeners, which Go opens unasked: so the address is read as a number, by way of the stack.
 */
static __always_inline __u32 sent_isn(struct bpf_sock *request)
{
	struct tcp_request_sock *address = NULL;
	__u32 isn = 0;

	bpf_probe_read_kernel(&address, sizeof(address), &request);
	BPF_CORE_READ_INTO(&isn, address, snt_isn);
	return isn;
}

/* Does this ACK complete a handshake, by what the kernel's own sockets say? */
static __always_inline int completes(struct xdp_md *ctx, struct packet *pkt, __u32 acked)
{
	struct bpf_sock_tuple tuple = {};
	struct bpf_sock *sk;
	int found = 0;

	count(PROTO_LOOKED_UP);
	if (!pkt->saddr[0] && !pkt->saddr[1] && pkt->saddr[2] == bpf_htonl(0xffff)) {
		tuple.ipv4.saddr = pkt->saddr[3];
		tuple.ipv4.daddr = pkt->daddr[3];
		tuple.ipv4.sport = pkt->sport;
		tuple.ipv4.dport = pkt->dport;
		sk = bpf_skc_lookup_tcp(ctx, &tuple, sizeof(tuple.ipv4), BPF_F_CURRENT_NETNS, 0);
	} else {
		__builtin_memcpy(tuple.ipv6.saddr, pkt->saddr, 16);
		__builtin_memcpy(tuple.ipv6.daddr, pkt->daddr, 16);
		tuple.ipv6.sport = pkt->sport;
		tuple.ipv6.dport = pkt->dport;
		sk = bpf_skc_lookup_tcp(ctx, &tuple, sizeof(tuple.ipv6), BPF_F_CURRENT_NETNS, 0);
	}
	if (!sk)
		return 0;
	if (sk->state == TCP_NEW_SYN_RECV) {
		found = sent_isn(sk) == acked;
	} else if (sk->state == TCP_LISTEN) {
		found = cookie_is_valid(ctx, pkt, sk);
	}
	bpf_sk_release(sk);
	return found;
}

static __always_inline __u16 checksum_replace(__be16 check, __be16 from, __be16 to)
{
	__u32 sum = (__u16)~check + (__u16)~from + to; /* RFC 1624, equation 3 */

	sum = (sum & 0xffff) + (sum >> 16);
	sum = (sum & 0xffff) + (sum >> 16);
	return (__u16)~sum;
}

static __always_inline int refuse(struct xdp_md *ctx, const struct packet *pkt)
{
	struct tcphdr *tcp = tcp_header(ctx, pkt);
	__be16 *flags, before;

	count(PROTO_REFUSED);
	if (refusal == REFUSE_BY_DROP || !tcp)
		return XDP_DROP;
	flags = (__be16 *)tcp + 6;
	before = *flags;
	*flags |= bpf_htons(refusal == REFUSE_BY_SYN ? FLAG_SYN : FLAG_RST);
	tcp->check = checksum_replace(tcp->check, before, *flags);
	return XDP_PASS;
}

static __always_inline int judge_syn(struct packet *pkt)
{
	struct proto_source *source = bpf_map_lookup_elem(&sources, pkt->saddr);
	struct proto_connection key = {};
	struct proto_progress progress = {};

	if (source && *(volatile __u64 *)&source->refused) {
		count(PROTO_SYNS_DROPPED);
		return XDP_DROP;
	}
	count(PROTO_SYNS_PASSED);
	connection_of(pkt, &key);
	bpf_map_update_elem(&opening, &key, &progress, BPF_ANY);
	return XDP_PASS;
}

static __always_inline int judge_ack(struct xdp_md *ctx, struct packet *pkt)
{
	struct proto_progress blank = {}, *progress;
	struct tcphdr *tcp = tcp_header(ctx, pkt);
	struct proto_connection key = {};
	struct proto_source *source;

	count(PROTO_ACKS);
	connection_of(pkt, &key);
	progress = bpf_map_lookup_elem(&opening, &key);
	if (!progress && !only_recent_syns)
		progress = &blank;
	if (!tcp || !progress || progress->state == PROGRESS_PASSED)
		return XDP_PASS;
	if (progress->state == PROGRESS_REFUSED) /* its data, or the ACK once more */
		return refuse(ctx, pkt);
	if (!completes(ctx, pkt, bpf_ntohl(tcp->ack_seq) - 1))
		return XDP_PASS;

	source = source_of((struct proto_address *)pkt->saddr);
	if (!source)
		return XDP_PASS;
	count(PROTO_COMPLETED);
	if (__sync_fetch_and_add(&source->completed, 1) < limit) {
		progress->state = PROGRESS_PASSED;
		return XDP_PASS;
	}
	progress->state = PROGRESS_REFUSED;
	__sync_fetch_and_add(&source->refused, 1);
	return refuse(ctx, pkt);
}

SEC("xdp")
int gate_at_ack(struct xdp_md *ctx)
{
	struct packet pkt = {};

	if (!parse_ours(ctx, &pkt))
		return XDP_PASS;
	if (is_syn(&pkt))
		return judge_syn(&pkt);
	if ((pkt.flags & (FLAG_SYN | FLAG_ACK | FLAG_RST)) == FLAG_ACK)
		return judge_ack(ctx, &pkt);
	return XDP_PASS;
}

/* ---- what a packet costs that is only parsed, counted and passed */

SEC("xdp")
int only_parse(struct xdp_md *ctx)
{
	struct packet pkt = {};

	if (parse_ours(ctx, &pkt))
		count(PROTO_ACKS);
	return XDP_PASS;
}

char LICENSE[] SEC("license") = "GPL";
