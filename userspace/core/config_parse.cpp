// SPDX-License-Identifier: GPL-2.0-or-later
// Texts -> Config. The sections have been read into a draft; here the defaults are filled in,
// range files are read and what only the whole can tell is checked.
#include "core/config_draft.hpp"
#include "core/source_prefixes.hpp"
#include "core/text.hpp"

#include <algorithm>
#include <map>
#include <system_error>
#include <tuple>
#include <utility>

namespace sluice {

namespace {

std::vector<Service> default_services() {
    return {{"smtp", {25}, std::nullopt, {}}, {"submission", {465, 587}, std::nullopt, {}}};
}

void check_limits(const ClassConfig& of_class, const std::vector<Service>& services) {
    std::vector<std::string_view> names;
    for (const Service& service : services)
        names.push_back(service.name);
    for (const auto& [name, limit] : of_class.limits) {
        if (std::count(names.begin(), names.end(), name) != 0)
            continue;
        const auto meant = nearest(name, names);
        throw ConfigError(
            limit.origin,
            "limits of class " + of_class.name + " name " + in_quotes(name) + ", which is no service; " +
                (meant ? "did you mean " + std::string(*meant) + "?" : "write one of " + joined(names)));
    }
}

// A class that is limited by anything written is a class that limits. The world at large is
// only watched until somebody writes a limit for it: out of the box nobody is dropped.
Action default_action(const ClassConfig& of_class, const Config& config) {
    const bool service_limit = std::any_of(config.services.begin(), config.services.end(),
                                           [](const Service& service) { return service.limit.has_value(); });
    const bool reached = of_class.limit || !of_class.limits.empty() || config.limit ||
                         (service_limit && of_class.name != "default");
    return reached ? Action::limit : Action::observe;
}

ClassDraft take_default_class(std::vector<ClassDraft>& classes) {
    const auto written = std::find_if(classes.begin(), classes.end(),
                                      [](const ClassDraft& draft) { return draft.result.name == "default"; });
    ClassDraft result;
    result.result.name = "default";
    if (written != classes.end()) {
        result = std::move(*written);
        classes.erase(written);
    }
    return result;
}

std::string read_or_refuse(const RangeFile& file, const FileReader& read) {
    try {
        return read(file.path);
    } catch (const std::system_error& error) {
        throw ConfigError(file.origin, "cannot read " + file.path + ": " + error.code().message() +
                                           "; make it readable or take it out of files");
    }
}

void read_range_files(ClassDraft& draft, std::map<std::string, Origin>& seen, Config& config,
                      const FileReader& read) {
    for (const RangeFile& file : draft.files) {
        const auto [before, added] = seen.try_emplace(file.path, file.origin);
        if (!added)
            throw ConfigError(file.origin, file.path + " is already named at " + to_string(before->second) +
                                               "; name it in one place");
        std::vector<Range> ranges = parse_range_file(file.path, read_or_refuse(file, read));
        draft.result.ranges.insert(draft.result.ranges.end(), std::make_move_iterator(ranges.begin()),
                                   std::make_move_iterator(ranges.end()));
        draft.result.files.push_back(file.path);
        config.files.push_back(file.path);
    }
}

// A prefix as three words that compare quickly, and where it was written.
struct Place {
    std::uint64_t high;
    std::uint64_t low;
    std::uint32_t length;
    std::uint32_t of_class;
    const Range* range;
};

std::uint64_t big_endian(const std::uint8_t* bytes) {
    std::uint64_t value = 0;
    for (int i = 0; i < 8; ++i)
        value = value << 8 | bytes[i];
    return value;
}

// The same range in two places: one of them is a mistake, and which class was meant is not
// ours to guess. Longer ranges inside wider ones are how exceptions are written.
void refuse_ranges_twice(const std::vector<ClassConfig>& classes) {
    std::vector<Place> places;
    for (std::uint32_t i = 0; i < classes.size(); ++i)
        for (const Range& range : classes[i].ranges) {
            const std::uint8_t* const bytes = range.prefix.address.bytes.data();
            places.push_back({big_endian(bytes), big_endian(bytes + 8), range.prefix.length, i, &range});
        }
    const auto key = [](const Place& place) { return std::tie(place.high, place.low, place.length); };
    std::stable_sort(places.begin(), places.end(),
                     [&](const Place& a, const Place& b) { return key(a) < key(b); });
    const auto twice = std::adjacent_find(places.begin(), places.end(),
                                          [&](const Place& a, const Place& b) { return key(a) == key(b); });
    if (twice == places.end())
        return;
    const Place& first = *twice;
    const Place& second = *(twice + 1);
    throw ConfigError(second.range->origin, to_string(second.range->prefix) + " is already in class " +
                                                classes[first.of_class].name + " (" +
                                                to_string(first.range->origin) + "); write it in one place");
}

Config finished(Draft draft, const FileReader& read_range_file) {
    Config config = std::move(draft.config);
    if (config.services.empty())
        config.services = default_services();
    ClassDraft of_everybody = take_default_class(draft.classes);
    draft.classes.insert(draft.classes.begin(), std::move(of_everybody));
    for (ClassDraft& item : draft.classes) {
        check_limits(item.result, config.services);
        item.result.action = item.action.value_or(default_action(item.result, config));
    }
    std::map<std::string, Origin> seen;
    for (ClassDraft& item : draft.classes) {
        read_range_files(item, seen, config, read_range_file);
        config.classes.push_back(std::move(item.result));
    }
    refuse_ranges_twice(config.classes);
    (void)source_prefixes(config); // refuses what cannot be counted
    return config;
}

} // namespace

Config parse_config(const std::vector<SourceText>& files, const FileReader& read_range_file) {
    Draft draft;
    for (const SourceText& file : files) {
        read_file(draft, parse_document(file));
        draft.config.files.push_back(file.path);
    }
    return finished(std::move(draft), read_range_file);
}

} // namespace sluice
