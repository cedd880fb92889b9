// SPDX-License-Identifier: GPL-2.0-or-later
// Rules as lists of nf_tables expressions, each working on register 1.
#include "kernel/nft_rule.hpp"

#include <libnftnl/expr.h>
#include <libnftnl/rule.h>
#include <libnftnl/udata.h>

#include <arpa/inet.h>
#include <array>
#include <linux/netfilter.h>
#include <linux/netfilter/nf_tables.h>
#include <netinet/in.h>
#include <new>

namespace sluice::nft {
namespace {

constexpr std::uint32_t tcp_dport_offset = 2;
constexpr std::uint32_t tcp_sequence_offset = 4;
constexpr std::uint32_t tcp_flags_offset = 13;

} // namespace

Rule::Rule(const std::string& chain) : rule_(nftnl_rule_alloc()) {
    if (!rule_)
        throw std::bad_alloc();
    nftnl_rule_set_u32(rule_.get(), NFTNL_RULE_FAMILY, NFPROTO_INET);
    nftnl_rule_set_str(rule_.get(), NFTNL_RULE_TABLE, table);
    nftnl_rule_set_str(rule_.get(), NFTNL_RULE_CHAIN, chain.c_str());
}

// The rule owns its expressions.
nftnl_expr* Rule::append(const char* name) {
    nftnl_expr* expression = nftnl_expr_alloc(name);
    if (expression == nullptr)
        throw std::bad_alloc();
    nftnl_rule_add_expr(rule_.get(), expression);
    return expression;
}

void Rule::meta(std::uint32_t key) {
    nftnl_expr* expression = append("meta");
    nftnl_expr_set_u32(expression, NFTNL_EXPR_META_KEY, key);
    nftnl_expr_set_u32(expression, NFTNL_EXPR_META_DREG, NFT_REG_1);
}

void Rule::payload(std::uint32_t base, std::uint32_t offset, std::uint32_t length) {
    nftnl_expr* expression = append("payload");
    nftnl_expr_set_u32(expression, NFTNL_EXPR_PAYLOAD_BASE, base);
    nftnl_expr_set_u32(expression, NFTNL_EXPR_PAYLOAD_OFFSET, offset);
    nftnl_expr_set_u32(expression, NFTNL_EXPR_PAYLOAD_LEN, length);
    nftnl_expr_set_u32(expression, NFTNL_EXPR_PAYLOAD_DREG, NFT_REG_1);
}

void Rule::mask(const void* bits, std::uint32_t length) {
    constexpr std::array<std::uint8_t, 16> zero{};
    nftnl_expr* expression = append("bitwise");
    nftnl_expr_set_u32(expression, NFTNL_EXPR_BITWISE_SREG, NFT_REG_1);
    nftnl_expr_set_u32(expression, NFTNL_EXPR_BITWISE_DREG, NFT_REG_1);
    nftnl_expr_set_u32(expression, NFTNL_EXPR_BITWISE_LEN, length);
    nftnl_expr_set(expression, NFTNL_EXPR_BITWISE_MASK, bits, length);
    nftnl_expr_set(expression, NFTNL_EXPR_BITWISE_XOR, zero.data(), length);
}

void Rule::equals(const void* value, std::uint32_t length) {
    nftnl_expr* expression = append("cmp");
    nftnl_expr_set_u32(expression, NFTNL_EXPR_CMP_SREG, NFT_REG_1);
    nftnl_expr_set_u32(expression, NFTNL_EXPR_CMP_OP, NFT_CMP_EQ);
    nftnl_expr_set(expression, NFTNL_EXPR_CMP_DATA, value, length);
}

void Rule::lookup(const std::string& set, bool inverted) {
    nftnl_expr* expression = append("lookup");
    nftnl_expr_set_u32(expression, NFTNL_EXPR_LOOKUP_SREG, NFT_REG_1);
    nftnl_expr_set_str(expression, NFTNL_EXPR_LOOKUP_SET, set.c_str());
    if (inverted)
        nftnl_expr_set_u32(expression, NFTNL_EXPR_LOOKUP_FLAGS, NFT_LOOKUP_F_INV);
}

// What nft puts before any `tcp ...`.
void Rule::tcp() {
    constexpr std::uint8_t protocol = IPPROTO_TCP;
    meta(NFT_META_L4PROTO);
    equals(&protocol, sizeof protocol);
}

// What nft puts for `ip saddr & MASK`: the family tested once in a rule, no mask where it would have
// all bits.
void Rule::saddr(const Family& family, std::uint8_t length) {
    if (!family_tested_) {
        family_tested_ = true;
        meta(NFT_META_NFPROTO);
        equals(&family.nfproto, sizeof family.nfproto);
    }
    payload(NFT_PAYLOAD_NETWORK_HEADER, family.address_offset, family.address_bytes);
    if (length == 128)
        return;
    Address ones;
    ones.bytes.fill(0xff);
    const Address bits = masked(ones, length);
    mask(wire_bytes(family, bits).data(), family.address_bytes);
}

Rule& Rule::iifname_not_in(const std::string& set) {
    meta(NFT_META_IIFNAME);
    lookup(set, true);
    return *this;
}

Rule& Rule::tcp_flags(std::uint8_t bits, std::uint8_t value) {
    tcp();
    payload(NFT_PAYLOAD_TRANSPORT_HEADER, tcp_flags_offset, sizeof bits);
    mask(&bits, sizeof bits);
    equals(&value, sizeof value);
    return *this;
}

Rule& Rule::tcp_sequence(std::uint32_t value) {
    const std::uint32_t wire = htonl(value);
    payload(NFT_PAYLOAD_TRANSPORT_HEADER, tcp_sequence_offset, sizeof wire);
    equals(&wire, sizeof wire);
    return *this;
}

Rule& Rule::tcp_dport_vmap(const std::string& map) {
    payload(NFT_PAYLOAD_TRANSPORT_HEADER, tcp_dport_offset, sizeof(std::uint16_t));
    nftnl_expr* expression = append("lookup");
    nftnl_expr_set_u32(expression, NFTNL_EXPR_LOOKUP_SREG, NFT_REG_1);
    nftnl_expr_set_str(expression, NFTNL_EXPR_LOOKUP_SET, map.c_str());
    nftnl_expr_set_u32(expression, NFTNL_EXPR_LOOKUP_DREG, NFT_REG_VERDICT);
    return *this;
}

Rule& Rule::nfproto_in(const std::string& set) {
    meta(NFT_META_NFPROTO);
    lookup(set, false);
    return *this;
}

Rule& Rule::saddr_in(const Family& family, const std::string& set) {
    saddr(family, 128);
    lookup(set, false);
    return *this;
}

Rule& Rule::saddr_not_in(const Family& family, std::uint8_t length, const std::string& set) {
    saddr(family, length);
    lookup(set, true);
    return *this;
}

Rule& Rule::count_by_saddr(const Family& family, std::uint8_t length, const std::string& map) {
    saddr(family, length);
    nftnl_expr* expression = append("objref");
    nftnl_expr_set_u32(expression, NFTNL_EXPR_OBJREF_SET_SREG, NFT_REG_1);
    nftnl_expr_set_str(expression, NFTNL_EXPR_OBJREF_SET_NAME, map.c_str());
    return *this;
}

Rule& Rule::remember_saddr(const Family& family, std::uint8_t length, const std::string& set,
                           std::chrono::milliseconds timeout) {
    saddr(family, length);
    nftnl_expr* expression = append("dynset");
    nftnl_expr_set_u32(expression, NFTNL_EXPR_DYNSET_SREG_KEY, NFT_REG_1);
    nftnl_expr_set_u32(expression, NFTNL_EXPR_DYNSET_OP, NFT_DYNSET_OP_ADD);
    nftnl_expr_set_str(expression, NFTNL_EXPR_DYNSET_SET_NAME, set.c_str());
    nftnl_expr_set_u64(expression, NFTNL_EXPR_DYNSET_TIMEOUT, static_cast<std::uint64_t>(timeout.count()));
    return *this;
}

void Rule::object(std::uint32_t type, const std::string& name) {
    nftnl_expr* expression = append("objref");
    nftnl_expr_set_u32(expression, NFTNL_EXPR_OBJREF_IMM_TYPE, type);
    nftnl_expr_set_str(expression, NFTNL_EXPR_OBJREF_IMM_NAME, name.c_str());
}

Rule& Rule::limit(const std::string& name) {
    object(NFT_OBJECT_LIMIT, name);
    return *this;
}

Rule& Rule::counter(const std::string& name) {
    object(NFT_OBJECT_COUNTER, name);
    return *this;
}

Rule& Rule::log(const std::string& prefix) {
    nftnl_expr_set_str(append("log"), NFTNL_EXPR_LOG_PREFIX, prefix.c_str());
    return *this;
}

void Rule::verdict(int verdict, const std::string& chain) {
    nftnl_expr* expression = append("immediate");
    nftnl_expr_set_u32(expression, NFTNL_EXPR_IMM_DREG, NFT_REG_VERDICT);
    nftnl_expr_set_u32(expression, NFTNL_EXPR_IMM_VERDICT, static_cast<std::uint32_t>(verdict));
    if (!chain.empty())
        nftnl_expr_set_str(expression, NFTNL_EXPR_IMM_CHAIN, chain.c_str());
}

Rule& Rule::accept() {
    verdict(NF_ACCEPT, "");
    return *this;
}

Rule& Rule::drop() {
    verdict(NF_DROP, "");
    return *this;
}

Rule& Rule::jump(const std::string& chain) {
    verdict(NFT_JUMP, chain);
    return *this;
}

Rule& Rule::go_to(const std::string& chain) {
    verdict(NFT_GOTO, chain);
    return *this;
}

Rule& Rule::comment(std::string_view text) {
    const Handle<nftnl_udata_buf, nftnl_udata_buf_free> data(nftnl_udata_buf_alloc(NFT_USERDATA_MAXLEN));
    if (!data)
        throw std::bad_alloc();
    nftnl_udata_put_strz(data.get(), NFTNL_UDATA_RULE_COMMENT, std::string(text).c_str());
    nftnl_rule_set_data(rule_.get(), NFTNL_RULE_USERDATA, nftnl_udata_buf_data(data.get()),
                        nftnl_udata_buf_len(data.get()));
    return *this;
}

} // namespace sluice::nft
