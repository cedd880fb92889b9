// SPDX-License-Identifier: GPL-2.0-or-later
// One rule, written so that the chain of calls reads like its nft text. Each call appends the
// expressions that nft itself would, so that `nft list table` shows what was meant.
#pragma once

#include "kernel/handle.hpp"
#include "kernel/nft_names.hpp"

#include <chrono>
#include <cstdint>
#include <string>
#include <string_view>

extern "C" {
struct nftnl_expr;
struct nftnl_rule;
void nftnl_rule_free(const nftnl_rule*);
}

namespace sluice::nft {

class Rule {
public:
    explicit Rule(const std::string& chain);

    // `iifname != @SET`
    Rule& iifname_not_in(const std::string& set);
    // `tcp flags & MASK == VALUE`
    Rule& tcp_flags(std::uint8_t mask, std::uint8_t value);
    // `tcp sequence VALUE`
    Rule& tcp_sequence(std::uint32_t value);
    // `tcp dport vmap @MAP`
    Rule& tcp_dport_vmap(const std::string& map);
    // `meta nfproto @SET`
    Rule& nfproto_in(const std::string& set);
    // `ip saddr @SET`, `ip6 saddr @SET`
    Rule& saddr_in(const Family& family, const std::string& set);
    // `ip saddr & MASK != @SET`; length 128: `ip saddr != @SET`
    Rule& saddr_not_in(const Family& family, std::uint8_t length, const std::string& set);
    // `counter name ip saddr & MASK map @MAP`: counts in the element's counter; no element, no match
    Rule& count_by_saddr(const Family& family, std::uint8_t length, const std::string& map);
    // `add @SET { ip saddr & MASK timeout TIME }`
    Rule& remember_saddr(const Family& family, std::uint8_t length, const std::string& set,
                         std::chrono::milliseconds timeout);
    // `limit name "NAME"`
    Rule& limit(const std::string& name);
    // `counter name "NAME"`
    Rule& counter(const std::string& name);
    // `log prefix "PREFIX"`
    Rule& log(const std::string& prefix);
    Rule& accept();
    Rule& drop();
    Rule& jump(const std::string& chain);
    Rule& go_to(const std::string& chain);
    // `comment "TEXT"`, at most 127 bytes
    Rule& comment(std::string_view text);

    [[nodiscard]] nftnl_rule& get() const { return *rule_; }

private:
    void meta(std::uint32_t key);
    void tcp();
    void payload(std::uint32_t base, std::uint32_t offset, std::uint32_t length);
    void mask(const void* bits, std::uint32_t length);
    void equals(const void* value, std::uint32_t length);
    void saddr(const Family& family, std::uint8_t length);
    void lookup(const std::string& set, bool inverted);
    void object(std::uint32_t type, const std::string& name);
    void verdict(int verdict, const std::string& chain);
    nftnl_expr* append(const char* name);

    Handle<nftnl_rule, nftnl_rule_free> rule_;
    bool family_tested_ = false;
};

// What a rule does, as one line for comparison: "prerouting: meta:iifname lookup:!interfaces
// accept". The same for a rule that was built and for the kernel's echo of it, on every kernel:
// only what a rule means is in it, nothing that the kernel adds or counts.
[[nodiscard]] std::string outline(const nftnl_rule& rule);

} // namespace sluice::nft
