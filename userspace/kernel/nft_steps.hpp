// SPDX-License-Identifier: GPL-2.0-or-later
// Elements of the source maps, written into a transaction: many at once into an empty map, or
// one by one into a map whose present content is not known. Used by NftTable only.
#pragma once

#include "kernel/nft_batch.hpp"
#include "kernel/nft_design.hpp"
#include "kernel/nft_ruleset.hpp"

#include <cstddef>
#include <cstdint>
#include <unordered_map>
#include <vector>

namespace sluice::nft {

// Limited sources and hashed bans into maps that are empty by then: one command takes many.
// Returns how many were left out for want of room.
std::size_t fill_maps(NftBatch& batch, const NftDesign& design, const NftContent& content,
                      const Clock& clock);

// How one element is changed; which of these the kernel accepts depends on what it holds.
enum class Plan : std::uint8_t {
    add_delete_add, // new, or refreshed: see DESIGN on kernels that keep the old expiry
    delete_add,     // there, but counting for another class: adding it is EEXIST, or EBUSY
    remove,
    nothing, // gone already, or no room
};

struct Step {
    NftElement element;
    Plan plan = Plan::nothing;
};

// One command of a step, to find the step again when it is refused.
struct Part {
    std::size_t step = 0;
    bool deletes = false;
};
using Parts = std::unordered_map<std::uint32_t, Part>;

// What is removed first, then what is put; each place once.
[[nodiscard]] std::vector<Step> steps_of(const NftChanges& changes, const Clock& clock);
void write_step(NftBatch& batch, const Step& step, std::size_t index, const Clock& clock, Parts& parts);
// Another plan after a refusal; false: no plan helps, the refusal is real. Counts what is left out
// because its map is full.
[[nodiscard]] bool revise(Step& step, bool deletes, int error, std::size_t& left_out);

} // namespace sluice::nft
