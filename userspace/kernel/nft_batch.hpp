// SPDX-License-Identifier: GPL-2.0-or-later
// A transaction as bytes in memory. NftBatch builds, NftSocket commits: nothing here talks to
// the kernel, so what is built can be looked at. Each command keeps a description for people,
// found again by the sequence number that a refusal quotes.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

extern "C" {
struct nlmsghdr;
struct nftnl_table;
struct nftnl_chain;
struct nftnl_rule;
struct nftnl_set;
struct nftnl_obj;
}

namespace sluice {

class NftBatch {
public:
    NftBatch();

    // `nft add table inet sluice { comment ...; }`
    void add_table(nftnl_table& table);
    // `nft delete table inet TABLE`, with everything in it
    void delete_table(const char* table);
    // `nft add chain inet sluice NAME { ... }`
    void add_chain(nftnl_chain& chain);
    // `nft flush chain inet TABLE CHAIN`
    void flush_chain(const char* table, const std::string& chain);
    // `nft flush table inet TABLE`: all rules of all chains
    void flush_table(const char* table);
    // `nft delete chain inet TABLE NAME`
    void delete_chain(const char* table, const std::string& name);
    // `nft add rule inet sluice CHAIN ...` (at its end)
    void add_rule(nftnl_rule& rule);
    // `nft add set ...` or `nft add map ...`, without elements
    void add_set(nftnl_set& set);
    // `nft delete set inet TABLE NAME`
    void delete_set(const char* table, const std::string& name);
    // `nft flush set inet TABLE NAME`
    void flush_set(const char* table, const std::string& name);
    // `nft add element inet sluice SET { ... }`; as many messages as it takes, because the list
    // is a netlink attribute and cannot exceed 64 KiB. `which` is what a refusal says after the
    // set's name.
    void add_elements(nftnl_set& set, std::string_view which);
    // `nft delete element inet sluice SET { ... }`
    void delete_elements(nftnl_set& set, std::string_view which);
    // `nft add counter ...`, `nft add limit ...`
    void add_object(nftnl_obj& object);
    // `nft delete counter ...`, `nft delete limit ...`
    void delete_object(nftnl_obj& object);

    // The whole transaction, closed: begin, commands, end.
    [[nodiscard]] std::span<const std::uint8_t> finish();

    [[nodiscard]] std::uint32_t commands() const; // so far
    // Sequence number of the next command; the first is 1.
    [[nodiscard]] std::uint32_t next_sequence() const { return commands() + 1; }
    // The command with this sequence number; 0 and the last are begin and end.
    [[nodiscard]] std::string describe(std::uint32_t sequence) const;

private:
    using Fill = std::function<void(nlmsghdr*)>;
    // Writes one message: `fill` gets its header and appends attributes.
    void command(std::uint16_t type, std::uint16_t flags, std::string description, const Fill& fill);
    void elements(std::uint16_t type, std::uint16_t flags, nftnl_set& set, const char* verb,
                  std::string_view which);
    void append(const nlmsghdr* message);

    std::vector<std::uint8_t> bytes_;
    std::vector<std::uint8_t> scratch_; // one message is built here, then appended
    std::vector<std::string> descriptions_;
    std::size_t last_ = 0; // where the last command begins, it asks for an acknowledgement
    bool finished_ = false;
};

} // namespace sluice
