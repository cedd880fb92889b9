// SPDX-License-Identifier: GPL-2.0-or-later
// Owners for C handles: a unique_ptr whose deleter is the library's own free function, named
// in the type, e.g. `using BpfObject = Handle<bpf_object, bpf_object__close>;`.
#pragma once

#include <memory>

namespace sluice {

template <auto Fn>
struct Deleter {
    template <typename T>
    void operator()(T* pointer) const noexcept {
        Fn(pointer);
    }
};

template <typename T, auto Fn>
using Handle = std::unique_ptr<T, Deleter<Fn>>;

} // namespace sluice
