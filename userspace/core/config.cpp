// SPDX-License-Identifier: GPL-2.0-or-later
// The words of the configuration, and the one rule that every reader of it needs: which
// limit holds for a class and a service.
#include "core/config.hpp"

#include <algorithm>
#include <array>
#include <cstddef>

namespace sluice {

namespace {

constexpr std::array<std::string_view, 3> mode_words = {"observe", "nft", "xdp"};
constexpr std::array<std::string_view, 3> action_words = {"observe", "limit", "exempt"};
constexpr std::array<std::string_view, 3> xdp_words = {"auto", "native", "generic"};

// Whether anything that is written limits this class in any service.
bool any_limit_reaches(const Config& config, const ClassConfig& of_class) {
    return of_class.limit || !of_class.limits.empty() || config.limit ||
           std::any_of(config.services.begin(), config.services.end(),
                       [](const Service& service) { return service.limit.has_value(); });
}

} // namespace

std::string to_string(const Origin& origin) {
    if (origin.line == 0)
        return origin.file.empty() ? "default" : origin.file;
    return origin.file + ':' + std::to_string(origin.line);
}

ConfigError::ConfigError(const Origin& where, const std::string& what_and_advice)
    : std::runtime_error(to_string(where) + ": " + what_and_advice) {}

std::string_view to_string(Mode mode) {
    return mode_words.at(static_cast<std::size_t>(mode));
}

std::string_view to_string(Action action) {
    return action_words.at(static_cast<std::size_t>(action));
}

std::string_view to_string(Counting count) {
    return count == Counting::syns ? "syn" : "handshake";
}

std::string_view to_string(XdpChoice choice) {
    return xdp_words.at(static_cast<std::size_t>(choice));
}

std::optional<Mode> parse_mode(std::string_view text) {
    for (const Mode mode : {Mode::observe, Mode::nft, Mode::xdp})
        if (to_string(mode) == text)
            return mode;
    return std::nullopt;
}

std::optional<Limit> effective_limit(const Config& config, const ClassConfig& of_class,
                                     const Service& service) {
    if (of_class.action == Action::exempt)
        return std::nullopt;
    if (const auto own = of_class.limits.find(service.name); own != of_class.limits.end())
        return own->second;
    if (of_class.limit)
        return of_class.limit;
    if (service.limit)
        return service.limit;
    if (config.limit)
        return config.limit;
    if (of_class.action == Action::limit && !any_limit_reaches(config, of_class))
        return Limit{};
    return std::nullopt;
}

} // namespace sluice
