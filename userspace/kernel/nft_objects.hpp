// SPDX-License-Identifier: GPL-2.0-or-later
// Tables, chains, counters, sets and lists of elements as owned libnftnl values, ready to be
// given to NftBatch. Everything is for `table inet sluice`.
#pragma once

#include "kernel/handle.hpp"
#include "kernel/nft_names.hpp"

#include <libnftnl/chain.h>
#include <libnftnl/object.h>
#include <libnftnl/set.h>
#include <libnftnl/table.h>

#include <chrono>
#include <cstdint>
#include <span>
#include <string>

namespace sluice::nft {

using TableHandle = Handle<nftnl_table, nftnl_table_free>;
using ChainHandle = Handle<nftnl_chain, nftnl_chain_free>;
using ObjectHandle = Handle<nftnl_obj, nftnl_obj_free>;
using SetHandle = Handle<nftnl_set, nftnl_set_free>;

// `table inet sluice { comment ... }`, not dormant
[[nodiscard]] TableHandle make_table();
// `chain NAME { comment COMMENT }`
[[nodiscard]] ChainHandle make_chain(const std::string& name, const std::string& comment);
// `chain NAME { type filter hook prerouting priority raw; policy accept; }`
[[nodiscard]] ChainHandle make_base_chain(const std::string& name);
// `counter NAME { }`
[[nodiscard]] ObjectHandle make_counter(const std::string& name);
// `limit NAME { rate N/second burst N packets }`
[[nodiscard]] ObjectHandle make_limit(const std::string& name, std::uint32_t per_second);

enum class KeyType : std::uint32_t { nfproto = 2, ipv4 = 7, ipv6 = 8, inet_service = 13, ifname = 41 };

struct SetSpec {
    std::string name;
    KeyType key;
    std::uint32_t flags = 0; // NFT_SET_*; NFT_SET_OBJECT: a map to counters, NFT_SET_MAP: to verdicts
    std::uint32_t size = 0;  // 0: no bound
    std::chrono::milliseconds timeout{0};
    std::string comment = {};
};

[[nodiscard]] inline KeyType key_type(const Family& family) {
    return &family == &ip4 ? KeyType::ipv4 : KeyType::ipv6;
}

// `set NAME { type KEY; flags ...; size ...; timeout ...; comment ... }`
[[nodiscard]] SetHandle make_set(const SetSpec& spec);

// What a set is apart from its name, comment and elements; equal for a set that was built and the
// kernel's echo of it.
[[nodiscard]] std::string shape(const nftnl_set& set);

// The elements of one command. Keys are bytes as the packet has them.
class Elements {
public:
    explicit Elements(const std::string& set);

    // `KEY`, or `KEY timeout N ms`; 0: none
    void add(std::span<const std::uint8_t> key, std::uint64_t timeout_ms = 0);
    // `KEY timeout N ms : "COUNTER"`
    void add_counted(std::span<const std::uint8_t> key, std::uint64_t timeout_ms, const std::string& counter);
    // `KEY : jump CHAIN`
    void add_jump(std::span<const std::uint8_t> key, const std::string& chain);
    // The address behind an interval; to the kernel it is an element of its own.
    void add_interval_end(std::span<const std::uint8_t> key);

    [[nodiscard]] nftnl_set& get() const { return *set_; }
    [[nodiscard]] std::size_t size() const { return size_; }

private:
    nftnl_set_elem* append(std::span<const std::uint8_t> key);

    SetHandle set_;
    std::size_t size_ = 0;
};

} // namespace sluice::nft
