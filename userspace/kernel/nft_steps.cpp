// SPDX-License-Identifier: GPL-2.0-or-later
// Sorting elements out and writing their commands; what to do when the kernel refuses one.
#include "kernel/nft_steps.hpp"

#include "kernel/nft_names.hpp"
#include "kernel/nft_objects.hpp"

#include <algorithm>
#include <cerrno>
#include <map>
#include <span>
#include <string>
#include <tuple>

namespace sluice::nft {
namespace {

auto place(const NftElement& element) {
    return std::tie(element.service, element.source);
}

bool ends_later(const NftElement& one, const NftElement& two) {
    return one.until_ns == 0 || (two.until_ns != 0 && one.until_ns > two.until_ns);
}

// Sorted by place, each place once: with the later moment.
void keep_latest(std::vector<NftElement>& elements) {
    std::sort(elements.begin(), elements.end(), [](const NftElement& one, const NftElement& two) {
        return place(one) != place(two) ? place(one) < place(two) : ends_later(one, two);
    });
    const auto same = [](const auto& one, const auto& two) { return place(one) == place(two); };
    elements.erase(std::unique(elements.begin(), elements.end(), same), elements.end());
}

std::span<const std::uint8_t> key_of(const NftElement& element) {
    return wire_bytes(family_of(element.source), element.source.address);
}

Elements single(const NftElement& element) {
    Elements elements(map_of(element));
    elements.add(key_of(element));
    return elements;
}

Elements single(const NftElement& element, const Clock& clock) {
    Elements elements(map_of(element));
    elements.add_counted(key_of(element), clock.timeout_ms(element.until_ns),
                         class_counter(element.class_name));
    return elements;
}

} // namespace

std::size_t fill_maps(NftBatch& batch, const NftDesign& design, const NftContent& content,
                      const Clock& clock) {
    constexpr std::size_t piece = 1000;
    std::vector<NftElement> elements = content.elements;
    for (const NftBan& ban : content.bans)
        if (design.hashes(ban.prefix))
            elements.push_back({ban.prefix, "", ban.class_name, ban.until_ns});
    std::erase_if(elements, [&](const NftElement& element) { return clock.passed(element.until_ns); });
    keep_latest(elements);
    std::map<std::string, std::vector<const NftElement*>> by_map;
    for (const NftElement& element : elements)
        by_map[map_of(element)].push_back(&element);
    std::size_t left_out = 0;
    for (const auto& [map, list] : by_map) {
        const std::size_t room = std::min<std::size_t>(list.size(), design.capacity);
        left_out += list.size() - room;
        for (std::size_t begin = 0; begin < room; begin += piece) {
            Elements some(map);
            const std::size_t end = std::min(begin + piece, room);
            for (std::size_t i = begin; i < end; ++i)
                some.add_counted(key_of(*list[i]), clock.timeout_ms(list[i]->until_ns),
                                 class_counter(list[i]->class_name));
            batch.add_elements(some.get(), "from " + to_string(list[begin]->source));
        }
    }
    return left_out;
}

void write_step(NftBatch& batch, const Step& step, std::size_t index, const Clock& clock, Parts& parts) {
    if (step.plan == Plan::nothing)
        return;
    const std::string which = to_string(step.element.source);
    const auto put = [&] {
        parts[batch.next_sequence()] = {index, false};
        batch.add_elements(single(step.element, clock).get(), which);
    };
    if (step.plan == Plan::add_delete_add)
        put();
    parts[batch.next_sequence()] = {index, true};
    batch.delete_elements(single(step.element).get(), which);
    if (step.plan != Plan::remove)
        put();
}

bool revise(Step& step, bool deletes, int error, std::size_t& left_out) {
    if (step.plan == Plan::nothing) // another command of this step was refused and dealt with
        return true;
    if (step.plan == Plan::remove && deletes && error == ENOENT) {
        step.plan = Plan::nothing;
        return true;
    }
    if (step.plan == Plan::delete_add && deletes && error == ENOENT) {
        step.plan = Plan::add_delete_add;
        return true;
    }
    if (step.plan == Plan::add_delete_add && !deletes && (error == EEXIST || error == EBUSY)) {
        step.plan = Plan::delete_add;
        return true;
    }
    if (!deletes && error == ENFILE) {
        step.plan = Plan::nothing;
        ++left_out;
        return true;
    }
    return false;
}

std::vector<Step> steps_of(const NftChanges& changes, const Clock& clock) {
    std::vector<NftElement> put = changes.put;
    std::vector<NftElement> remove = changes.remove;
    std::erase_if(put, [&](const NftElement& element) {
        if (clock.passed(element.until_ns))
            remove.push_back(element);
        return clock.passed(element.until_ns);
    });
    keep_latest(put);
    keep_latest(remove);
    // What is put is not removed as well.
    const auto before = [](const auto& one, const auto& two) { return place(one) < place(two); };
    std::erase_if(remove, [&](const NftElement& element) {
        return std::binary_search(put.begin(), put.end(), element, before);
    });
    std::vector<Step> steps;
    steps.reserve(put.size() + remove.size());
    for (NftElement& element : remove)
        steps.push_back({std::move(element), Plan::remove});
    for (NftElement& element : put)
        steps.push_back({std::move(element), Plan::add_delete_add});
    return steps;
}

} // namespace sluice::nft
