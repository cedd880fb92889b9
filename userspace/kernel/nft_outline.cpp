// SPDX-License-Identifier: GPL-2.0-or-later
// A rule's meaning as one line, to tell whether the kernel still has the rules that were built.
#include "kernel/nft_rule.hpp"

#include <libnftnl/expr.h>
#include <libnftnl/rule.h>

#include <linux/netfilter/nf_tables.h>
#include <string>

namespace sluice::nft {
namespace {

std::string hex(const nftnl_expr* expression, std::uint16_t attribute) {
    constexpr const char* digits = "0123456789abcdef";
    std::uint32_t length = 0;
    const auto* data = static_cast<const std::uint8_t*>(nftnl_expr_get(expression, attribute, &length));
    std::string text;
    for (std::uint32_t i = 0; data != nullptr && i < length; ++i) {
        text += digits[data[i] >> 4];
        text += digits[data[i] & 15];
    }
    return text;
}

std::string text(const nftnl_expr* expression, std::uint16_t attribute) {
    const char* found =
        nftnl_expr_is_set(expression, attribute) ? nftnl_expr_get_str(expression, attribute) : nullptr;
    return found == nullptr ? "" : found;
}

std::uint32_t value(const nftnl_expr* expression, std::uint16_t attribute) {
    return nftnl_expr_is_set(expression, attribute) ? nftnl_expr_get_u32(expression, attribute) : 0;
}

std::string number(const nftnl_expr* expression, std::uint16_t attribute) {
    return std::to_string(value(expression, attribute));
}

std::string detail(const std::string& name, const nftnl_expr* e) {
    if (name == "meta")
        return number(e, NFTNL_EXPR_META_KEY);
    if (name == "cmp")
        return number(e, NFTNL_EXPR_CMP_OP) + "=" + (hex(e, NFTNL_EXPR_CMP_DATA));
    if (name == "payload")
        return number(e, NFTNL_EXPR_PAYLOAD_BASE) + "+" + number(e, NFTNL_EXPR_PAYLOAD_OFFSET) + "/" +
               number(e, NFTNL_EXPR_PAYLOAD_LEN);
    if (name == "bitwise")
        return hex(e, NFTNL_EXPR_BITWISE_MASK);
    if (name == "lookup")
        return (value(e, NFTNL_EXPR_LOOKUP_FLAGS) & NFT_LOOKUP_F_INV ? "!" : "") +
               text(e, NFTNL_EXPR_LOOKUP_SET);
    if (name == "dynset")
        return text(e, NFTNL_EXPR_DYNSET_SET_NAME);
    if (name == "objref")
        return text(e, NFTNL_EXPR_OBJREF_IMM_NAME) + text(e, NFTNL_EXPR_OBJREF_SET_NAME);
    if (name == "log")
        return text(e, NFTNL_EXPR_LOG_PREFIX);
    if (name == "immediate")
        return std::to_string(static_cast<int>(value(e, NFTNL_EXPR_IMM_VERDICT))) +
               text(e, NFTNL_EXPR_IMM_CHAIN);
    return "";
}

} // namespace

std::string outline(const nftnl_rule& rule) {
    std::string line = nftnl_rule_get_str(&rule, NFTNL_RULE_CHAIN);
    line += ":";
    nftnl_expr_foreach(
        const_cast<nftnl_rule*>(&rule), // reads only, but is not declared so
        [](nftnl_expr* expression, void* data) {
            const std::string name = nftnl_expr_get_str(expression, NFTNL_EXPR_NAME);
            *static_cast<std::string*>(data) += " " + name + ":" + detail(name, expression);
            return 0;
        },
        &line);
    return line;
}

} // namespace sluice::nft
