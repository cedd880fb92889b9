// SPDX-License-Identifier: GPL-2.0-or-later
// See range_origins.hpp.
#include "app/range_origins.hpp"

#include "app/config_source.hpp"
#include "core/over.hpp"
#include "kernel/policy_loader.hpp"

#include <algorithm>

namespace sluice {

void RangeOrigins::load() {
    loaded_ = true;
    try {
        image_ = compile_policy(load_config(path_), read_names(maps_));
    } catch (const ConfigError&) {
        image_.reset(); // the answer is less complete, not wrong
    }
}

std::string RangeOrigins::of(const Prefix& prefix, const SourcePlace& place) {
    if (!place.range_id)
        return {};
    if (!loaded_)
        load();
    if (!image_ || *place.range_id >= image_->range_origins.size())
        return {};
    const Prefix range{masked(prefix.address, place.range_length), place.range_length};
    // The same number may mean another range since the file was edited.
    const auto same = [&](const RangeEntry& entry) {
        return entry.value.range_id == *place.range_id && entry.value.class_id == place.class_id &&
               to_prefix(entry.key) == range;
    };
    if (std::none_of(image_->ranges.begin(), image_->ranges.end(), same))
        return {};
    return to_string(image_->range_origins[*place.range_id]);
}

} // namespace sluice
