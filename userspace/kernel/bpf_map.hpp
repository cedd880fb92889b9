// SPDX-License-Identifier: GPL-2.0-or-later
// Typed access to one BPF map. Key and value sizes are compared with the kernel's when the map
// is opened, so that a layout of another version can never be read as ours.
//
// Concurrency: the kernel makes each call safe against packets and other processes; a value that
// a packet writes meanwhile may be read half old, half new.
#pragma once

#include "kernel/errors.hpp"
#include "kernel/fd.hpp"

#include <bpf/bpf.h>
#include <bpf/libbpf.h>

#include <algorithm>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <vector>

namespace sluice {

// What the kernel says of a map.
[[nodiscard]] inline bpf_map_info map_info(int fd, const std::string& name) {
    bpf_map_info info{};
    std::uint32_t size = sizeof(info);
    if (::bpf_obj_get_info_by_fd(fd, &info, &size) != 0)
        throw SystemError("read info of map", name, errno);
    return info;
}

template <typename Key, typename Value>
class BpfMap {
public:
    BpfMap() = default;
    BpfMap(Fd fd, std::string name) : fd_(std::move(fd)), name_(std::move(name)) {
        const bpf_map_info info = map_info(fd_.get(), name_);
        if (info.key_size != sizeof(Key) || info.value_size != sizeof(Value))
            throw SystemError("open map", name_ + " (made by another version of sluice)", EPROTO);
        capacity_ = info.max_entries;
    }

    [[nodiscard]] int fd() const { return fd_.get(); }
    [[nodiscard]] const std::string& name() const { return name_; }
    [[nodiscard]] std::uint32_t capacity() const { return capacity_; }

    [[nodiscard]] std::optional<Value> find(const Key& key) const {
        Value value{};
        if (::bpf_map_lookup_elem(fd_.get(), &key, &value) == 0)
            return value;
        if (errno == ENOENT)
            return std::nullopt;
        throw SystemError("read map", name_, errno);
    }

    // For arrays, where an element that is asked for is always there.
    [[nodiscard]] Value at(const Key& key) const {
        std::optional<Value> value = find(key);
        if (!value)
            throw SystemError("read map", name_, ENOENT);
        return *value;
    }

    void put(const Key& key, const Value& value, std::uint64_t flags = BPF_ANY) {
        if (::bpf_map_update_elem(fd_.get(), &key, &value, flags) != 0)
            throw SystemError("write map", name_, errno);
    }

    // Whether there was something to erase.
    bool erase(const Key& key) {
        if (::bpf_map_delete_elem(fd_.get(), &key) == 0)
            return true;
        if (errno == ENOENT)
            return false;
        throw SystemError("delete from map", name_, errno);
    }

    // All keys, as of some moment of the walk; for maps that only the operator fills.
    [[nodiscard]] std::vector<Key> keys() const {
        std::vector<Key> all;
        Key next{};
        int result = ::bpf_map_get_next_key(fd_.get(), nullptr, &next);
        while (result == 0) {
            all.push_back(next);
            const Key previous = next;
            result = ::bpf_map_get_next_key(fd_.get(), &previous, &next);
        }
        if (errno != ENOENT)
            throw SystemError("walk map", name_, errno);
        return all;
    }

    // Consecutive elements of an array, or many of a trie, in as few calls as the kernel allows.
    void put_many(std::span<const Key> keys, std::span<const Value> values) {
        constexpr std::size_t step = 65536;
        for (std::size_t done = 0; done < keys.size(); done += step) {
            auto count = static_cast<std::uint32_t>(std::min(step, keys.size() - done));
            const std::uint32_t wanted = count;
            if (::bpf_map_update_batch(fd_.get(), keys.data() + done, values.data() + done, &count,
                                       nullptr) != 0)
                throw SystemError("write map", name_, errno);
            if (count != wanted)
                throw SystemError("write map", name_ + " (batch cut short)", EIO);
        }
    }

private:
    Fd fd_;
    std::string name_;
    std::uint32_t capacity_ = 0;
};

// A per-CPU array; values are summed by `add(total, one_cpu)`.
template <typename Value>
class PerCpuArray {
public:
    PerCpuArray() = default;
    PerCpuArray(Fd fd, std::string name) : fd_(std::move(fd)), name_(std::move(name)) {
        const bpf_map_info info = map_info(fd_.get(), name_);
        if (info.key_size != sizeof(std::uint32_t) || info.value_size != sizeof(Value))
            throw SystemError("open map", name_ + " (made by another version of sluice)", EPROTO);
        const int cpus = ::libbpf_num_possible_cpus();
        if (cpus < 0)
            throw SystemError("count", "CPUs", -cpus);
        cpus_ = static_cast<std::size_t>(cpus);
    }

    [[nodiscard]] int fd() const { return fd_.get(); }

    // One value for each possible CPU.
    [[nodiscard]] std::vector<Value> at(std::uint32_t index) const {
        static_assert(sizeof(Value) % 8 == 0, "the kernel rounds per-CPU values up to 8 bytes");
        std::vector<Value> values(cpus_);
        if (::bpf_map_lookup_elem(fd_.get(), &index, values.data()) != 0)
            throw SystemError("read map", name_, errno);
        return values;
    }

    void clear(std::uint32_t index) {
        const std::vector<Value> zero(cpus_);
        if (::bpf_map_update_elem(fd_.get(), &index, zero.data(), BPF_ANY) != 0)
            throw SystemError("write map", name_, errno);
    }

private:
    Fd fd_;
    std::string name_;
    std::size_t cpus_ = 0;
};

} // namespace sluice
