// SPDX-License-Identifier: GPL-2.0-or-later
// The one place that includes the TOML library: text -> tree of document.hpp.
#include "core/document.hpp"

#include <toml++/toml.h>

#include <algorithm>
#include <utility>

namespace sluice {

namespace {

class Converter {
public:
    explicit Converter(const std::string& path) : path_(path) {}

    [[nodiscard]] Table table(const toml::table& source) const {
        // The library sorts keys by name; people read messages in the order of writing.
        std::vector<std::pair<toml::source_position, Entry>> entries;
        for (const auto& [key, value] : source)
            entries.emplace_back(key.source().begin,
                                 Entry{std::string(key.str()), origin(key.source()), node(value)});
        std::sort(entries.begin(), entries.end(),
                  [](const auto& a, const auto& b) { return a.first < b.first; });
        Table result;
        for (auto& [position, entry] : entries)
            result.push_back(std::move(entry));
        return result;
    }

private:
    [[nodiscard]] Origin origin(const toml::source_region& region) const {
        return {path_, static_cast<std::uint32_t>(region.begin.line)};
    }

    [[nodiscard]] Node node(const toml::node& source) const {
        Node result{ForeignValue{}, origin(source.source())};
        if (const auto* text = source.as_string())
            result.value = text->get();
        else if (const auto* number = source.as_integer())
            result.value = number->get();
        else if (const auto* truth = source.as_boolean())
            result.value = truth->get();
        else if (const auto* array = source.as_array())
            result.value = list(*array);
        else if (const auto* inner = source.as_table())
            result.value = table(*inner);
        return result;
    }

    [[nodiscard]] List list(const toml::array& source) const {
        List result;
        result.reserve(source.size());
        for (const toml::node& element : source)
            result.push_back(node(element));
        return result;
    }

    const std::string& path_;
};

} // namespace

Table parse_document(const SourceText& source) {
    try {
        return Converter(source.path).table(toml::parse(source.text, source.path));
    } catch (const toml::parse_error& error) {
        const Origin where{source.path, static_cast<std::uint32_t>(error.source().begin.line)};
        std::string_view problem = error.description();
        if (constexpr std::string_view lead = "Error while "; problem.starts_with(lead))
            problem.remove_prefix(lead.size());
        const bool twice = problem.find("redefine") != std::string_view::npos;
        throw ConfigError(where, "this is no TOML (" + std::string(problem) + "); " +
                                     (twice ? "write it once" : "correct the line (texts stand in quotes)"));
    }
}

} // namespace sluice
