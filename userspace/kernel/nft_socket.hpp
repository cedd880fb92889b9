// SPDX-License-Identifier: GPL-2.0-or-later
// The netlink socket to nf_tables: commits what NftBatch built as one transaction, and reads
// the kernel's tables. Knows nothing of sluice's ruleset.
#pragma once

#include "kernel/fd.hpp"
#include "kernel/nft_batch.hpp"

#include <cstdint>
#include <functional>
#include <vector>

namespace sluice {

// One command that the kernel refused.
struct NftRefusal {
    std::uint32_t sequence = 0;
    int error = 0; // errno
};

class NftSocket {
public:
    // Opens and binds in the calling thread's network namespace.
    NftSocket();

    // All of it or nothing; throws SystemError that names the first command refused.
    void commit(NftBatch& batch);
    // The same, but what was refused is returned: empty means done. Nothing has changed
    // otherwise. Throws only when the transaction could not be handed over at all.
    [[nodiscard]] std::vector<NftRefusal> try_commit(NftBatch& batch);

    // Sends one request and gives every message of the answer to `each`. `build` writes the
    // request (it is called again when the kernel says the dump was interrupted; `restart`
    // must then forget what came before). False: what was asked for does not exist.
    using Build = std::function<void(nlmsghdr*)>;
    bool request(std::uint16_t type, std::uint16_t flags, const char* what, const Build& build,
                 const std::function<void()>& restart, const std::function<void(const nlmsghdr*)>& each);

    // The ruleset's generation; any change by anybody raises it.
    [[nodiscard]] std::uint32_t generation();
    // Who the kernel says made a change, when it was this socket.
    [[nodiscard]] std::uint32_t port_id() const { return port_id_; }

private:
    [[nodiscard]] std::vector<NftRefusal> drain(std::uint32_t last_sequence);
    void send(std::span<const std::uint8_t> bytes);

    Fd fd_;
    std::uint32_t port_id_ = 0;
    std::uint32_t sequence_ = 1;
    std::vector<std::uint8_t> buffer_;
};

} // namespace sluice
