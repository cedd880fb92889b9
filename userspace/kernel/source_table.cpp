// SPDX-License-Identifier: GPL-2.0-or-later
// The map `sources` for readers: batches, because a full table takes a third of a second so.
#include "kernel/source_table.hpp"

#include "kernel/bpf_map.hpp"

#include <cstring>
#include <vector>

namespace sluice {
namespace {

constexpr std::uint32_t batch_size = 4096;

} // namespace

SourceTable::SourceTable(Fd fd, std::string name) : fd_(std::move(fd)), name_(std::move(name)) {
    const bpf_map_info info = map_info(fd_.get(), name_);
    if (info.key_size != sizeof(sluice_source_key) || info.value_size <= SLUICE_SOURCE_SIZE(0) ||
        info.value_size > sizeof(sluice_source) || info.value_size % 8 != 0)
        throw SystemError("open map", name_ + " (made by another version of sluice)", EPROTO);
    capacity_ = info.max_entries;
    value_size_ = info.value_size;
    log_capacity_ = (value_size_ - SLUICE_SOURCE_SIZE(0)) / 8;
}

std::optional<sluice_source> SourceTable::find(const sluice_source_key& key) const {
    sluice_source value{};
    if (::bpf_map_lookup_elem(fd_.get(), &key, &value) == 0)
        return value;
    if (errno == ENOENT)
        return std::nullopt;
    throw SystemError("read map", name_, errno);
}

bool SourceTable::erase(const sluice_source_key& key) {
    if (::bpf_map_delete_elem(fd_.get(), &key) == 0)
        return true;
    if (errno == ENOENT)
        return false;
    throw SystemError("delete from map", name_, errno);
}

void SourceTable::for_each(
    const std::function<void(const sluice_source_key&, const sluice_source&)>& visit) const {
    std::vector<sluice_source_key> keys(batch_size);
    std::vector<unsigned char> values(static_cast<std::size_t>(batch_size) * value_size_);
    std::uint32_t position = 0; // opaque to us: a bucket number
    std::uint32_t room = batch_size;
    bool first = true;
    while (true) {
        std::uint32_t count = room;
        const int result = ::bpf_map_lookup_batch(fd_.get(), first ? nullptr : &position, &position,
                                                  keys.data(), values.data(), &count, nullptr);
        if (result != 0 && errno == ENOSPC) { // one bucket holds more than a batch
            room *= 2;
            keys.resize(room);
            values.resize(static_cast<std::size_t>(room) * value_size_);
            continue;
        }
        if (result != 0 && errno != ENOENT)
            throw SystemError("walk map", name_, errno);
        const bool last = result != 0;
        for (std::uint32_t i = 0; i < count; i++) {
            sluice_source value{};
            std::memcpy(&value, values.data() + static_cast<std::size_t>(i) * value_size_, value_size_);
            visit(keys[i], value);
        }
        if (last)
            return;
        first = false;
    }
}

} // namespace sluice
