// SPDX-License-Identifier: GPL-2.0-or-later
// Where in the configuration a range that holds in the kernel was written. The kernel knows its
// number only; the configuration on disk may be unreadable or newer, then there is no answer.
#pragma once

#include "core/policy.hpp"
#include "kernel/kernel_maps.hpp"
#include "kernel/live_policy.hpp"

#include <optional>
#include <string>

namespace sluice {

class RangeOrigins {
public:
    // Reads the configuration at `path` when first asked. `maps` must outlive this.
    RangeOrigins(std::string path, const KernelMaps& maps) : path_(std::move(path)), maps_(maps) {}

    // "file:line" of the range around `prefix` that put it into its class; empty if not known.
    [[nodiscard]] std::string of(const Prefix& prefix, const SourcePlace& place);

private:
    void load();

    std::string path_;
    const KernelMaps& maps_;
    bool loaded_ = false;
    std::optional<PolicyImage> image_;
};

} // namespace sluice
