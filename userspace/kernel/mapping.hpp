// SPDX-License-Identifier: GPL-2.0-or-later
// A BPF array in this process's memory (BPF_F_MMAPABLE): the very words that packets use, so
// reading takes no system call and a word can be exchanged atomically.
#pragma once

#include "kernel/bpf_map.hpp"

#include <cstddef>
#include <sys/mman.h>
#include <utility>

namespace sluice {

class Mapping {
public:
    Mapping() = default;
    // `writable` needs a map that is not frozen.
    Mapping(int fd, const std::string& name, bool writable) {
        const bpf_map_info info = map_info(fd, name);
        stride_ = (info.value_size + 7U) / 8U * 8U;
        count_ = info.max_entries;
        length_ = static_cast<std::size_t>(count_) * stride_;
        void* address =
            ::mmap(nullptr, length_, writable ? PROT_READ | PROT_WRITE : PROT_READ, MAP_SHARED, fd, 0);
        if (address == MAP_FAILED) // NOLINT: the system's own macro
            throw SystemError("map into memory", name, errno);
        address_ = static_cast<std::byte*>(address);
    }
    Mapping(Mapping&& other) noexcept { swap(other); }
    Mapping& operator=(Mapping&& other) noexcept {
        swap(other);
        return *this;
    }
    Mapping(const Mapping&) = delete;
    Mapping& operator=(const Mapping&) = delete;
    ~Mapping() {
        if (address_ != nullptr)
            ::munmap(address_, length_);
    }

    [[nodiscard]] std::uint32_t count() const { return count_; }
    [[nodiscard]] std::byte* at(std::uint32_t index) const {
        return address_ + static_cast<std::size_t>(index) * stride_;
    }

private:
    void swap(Mapping& other) noexcept {
        std::swap(address_, other.address_);
        std::swap(length_, other.length_);
        std::swap(stride_, other.stride_);
        std::swap(count_, other.count_);
    }

    std::byte* address_ = nullptr;
    std::size_t length_ = 0;
    std::size_t stride_ = 0;
    std::uint32_t count_ = 0;
};

} // namespace sluice
