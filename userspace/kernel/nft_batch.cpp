// SPDX-License-Identifier: GPL-2.0-or-later
// Commands to netlink messages. One message is built in a scratch buffer by libnftnl, which
// trusts its caller about room, and is then appended to the transaction.
#include "kernel/nft_batch.hpp"

#include "kernel/handle.hpp"

#include <libmnl/libmnl.h>
#include <libnftnl/chain.h>
#include <libnftnl/common.h>
#include <libnftnl/object.h>
#include <libnftnl/rule.h>
#include <libnftnl/set.h>
#include <libnftnl/table.h>

#include <linux/netfilter.h>
#include <linux/netfilter/nf_tables.h>
#include <stdexcept>

namespace sluice {
namespace {

// A list of elements may fill 64 KiB and overruns by one element before libnftnl takes it back.
constexpr std::size_t scratch_size = std::size_t{256} * 1024;

using TableHandle = Handle<nftnl_table, nftnl_table_free>;
using SetHandle = Handle<nftnl_set, nftnl_set_free>;
using ElementsIterator = Handle<nftnl_set_elems_iter, nftnl_set_elems_iter_destroy>;

SetHandle named_set(const char* table, const std::string& name) {
    SetHandle set(nftnl_set_alloc());
    if (!set)
        throw std::bad_alloc();
    nftnl_set_set_str(set.get(), NFTNL_SET_TABLE, table);
    nftnl_set_set_str(set.get(), NFTNL_SET_NAME, name.c_str());
    return set;
}

} // namespace

NftBatch::NftBatch() : scratch_(scratch_size) {
    append(nftnl_batch_begin(reinterpret_cast<char*>(scratch_.data()), 0));
}

void NftBatch::append(const nlmsghdr* message) {
    const auto* begin = reinterpret_cast<const std::uint8_t*>(message);
    bytes_.insert(bytes_.end(), begin, begin + MNL_ALIGN(message->nlmsg_len));
}

void NftBatch::command(std::uint16_t type, std::uint16_t flags, std::string description, const Fill& fill) {
    if (finished_)
        throw std::logic_error("a finished batch takes no commands");
    nlmsghdr* message = nftnl_nlmsg_build_hdr(reinterpret_cast<char*>(scratch_.data()), type, NFPROTO_INET,
                                              flags, next_sequence());
    fill(message);
    last_ = bytes_.size();
    append(message);
    descriptions_.push_back(std::move(description));
}

void NftBatch::add_table(nftnl_table& table) {
    command(NFT_MSG_NEWTABLE, NLM_F_CREATE,
            std::string("add table inet ") + nftnl_table_get_str(&table, NFTNL_TABLE_NAME),
            [&](nlmsghdr* message) { nftnl_table_nlmsg_build_payload(message, &table); });
}

void NftBatch::delete_table(const char* table) {
    TableHandle handle(nftnl_table_alloc());
    if (!handle)
        throw std::bad_alloc();
    nftnl_table_set_str(handle.get(), NFTNL_TABLE_NAME, table);
    command(NFT_MSG_DELTABLE, 0, std::string("delete table inet ") + table,
            [&](nlmsghdr* message) { nftnl_table_nlmsg_build_payload(message, handle.get()); });
}

void NftBatch::add_chain(nftnl_chain& chain) {
    command(NFT_MSG_NEWCHAIN, NLM_F_CREATE,
            std::string("add chain ") + nftnl_chain_get_str(&chain, NFTNL_CHAIN_NAME),
            [&](nlmsghdr* message) { nftnl_chain_nlmsg_build_payload(message, &chain); });
}

void NftBatch::flush_chain(const char* table, const std::string& chain) {
    Handle<nftnl_rule, nftnl_rule_free> rules(nftnl_rule_alloc());
    if (!rules)
        throw std::bad_alloc();
    nftnl_rule_set_str(rules.get(), NFTNL_RULE_TABLE, table);
    nftnl_rule_set_str(rules.get(), NFTNL_RULE_CHAIN, chain.c_str());
    command(NFT_MSG_DELRULE, 0, "flush chain " + chain,
            [&](nlmsghdr* message) { nftnl_rule_nlmsg_build_payload(message, rules.get()); });
}

void NftBatch::flush_table(const char* table) {
    Handle<nftnl_rule, nftnl_rule_free> rules(nftnl_rule_alloc());
    if (!rules)
        throw std::bad_alloc();
    nftnl_rule_set_str(rules.get(), NFTNL_RULE_TABLE, table);
    command(NFT_MSG_DELRULE, 0, std::string("flush table inet ") + table,
            [&](nlmsghdr* message) { nftnl_rule_nlmsg_build_payload(message, rules.get()); });
}

void NftBatch::delete_chain(const char* table, const std::string& name) {
    Handle<nftnl_chain, nftnl_chain_free> chain(nftnl_chain_alloc());
    if (!chain)
        throw std::bad_alloc();
    nftnl_chain_set_str(chain.get(), NFTNL_CHAIN_TABLE, table);
    nftnl_chain_set_str(chain.get(), NFTNL_CHAIN_NAME, name.c_str());
    command(NFT_MSG_DELCHAIN, 0, "delete chain " + name,
            [&](nlmsghdr* message) { nftnl_chain_nlmsg_build_payload(message, chain.get()); });
}

void NftBatch::add_rule(nftnl_rule& rule) {
    command(NFT_MSG_NEWRULE, NLM_F_CREATE | NLM_F_APPEND,
            std::string("add rule ") + nftnl_rule_get_str(&rule, NFTNL_RULE_CHAIN),
            [&](nlmsghdr* message) { nftnl_rule_nlmsg_build_payload(message, &rule); });
}

void NftBatch::add_set(nftnl_set& set) {
    // The kernel wants a number for every new set, unique in its transaction.
    nftnl_set_set_u32(&set, NFTNL_SET_ID, next_sequence());
    const bool map = (nftnl_set_get_u32(&set, NFTNL_SET_FLAGS) & (NFT_SET_MAP | NFT_SET_OBJECT)) != 0;
    command(NFT_MSG_NEWSET, NLM_F_CREATE,
            std::string(map ? "add map " : "add set ") + nftnl_set_get_str(&set, NFTNL_SET_NAME),
            [&](nlmsghdr* message) { nftnl_set_nlmsg_build_payload(message, &set); });
}

void NftBatch::delete_set(const char* table, const std::string& name) {
    const SetHandle set = named_set(table, name);
    command(NFT_MSG_DELSET, 0, "delete set " + name,
            [&](nlmsghdr* message) { nftnl_set_nlmsg_build_payload(message, set.get()); });
}

void NftBatch::flush_set(const char* table, const std::string& name) {
    const SetHandle set = named_set(table, name);
    command(NFT_MSG_DELSETELEM, 0, "flush set " + name,
            [&](nlmsghdr* message) { nftnl_set_elems_nlmsg_build_payload(message, set.get()); });
}

void NftBatch::elements(std::uint16_t type, std::uint16_t flags, nftnl_set& set, const char* verb,
                        std::string_view which) {
    const ElementsIterator iterator(nftnl_set_elems_iter_create(&set));
    if (!iterator)
        throw std::bad_alloc();
    const std::string description =
        std::string(verb) + nftnl_set_get_str(&set, NFTNL_SET_NAME) + " " + std::string(which);
    for (bool more = true; more;)
        command(type, flags, description, [&](nlmsghdr* message) {
            more = nftnl_set_elems_nlmsg_build_payload_iter(message, iterator.get()) > 0;
        });
}

void NftBatch::add_elements(nftnl_set& set, std::string_view which) {
    elements(NFT_MSG_NEWSETELEM, NLM_F_CREATE, set, "add element ", which);
}

void NftBatch::delete_elements(nftnl_set& set, std::string_view which) {
    elements(NFT_MSG_DELSETELEM, 0, set, "delete element ", which);
}

namespace {

std::string object_name(nftnl_obj& object) {
    const bool counter = nftnl_obj_get_u32(&object, NFTNL_OBJ_TYPE) == NFT_OBJECT_COUNTER;
    return std::string(counter ? "counter " : "limit ") + nftnl_obj_get_str(&object, NFTNL_OBJ_NAME);
}

} // namespace

void NftBatch::add_object(nftnl_obj& object) {
    command(NFT_MSG_NEWOBJ, NLM_F_CREATE, "add " + object_name(object),
            [&](nlmsghdr* message) { nftnl_obj_nlmsg_build_payload(message, &object); });
}

void NftBatch::delete_object(nftnl_obj& object) {
    command(NFT_MSG_DELOBJ, 0, "delete " + object_name(object),
            [&](nlmsghdr* message) { nftnl_obj_nlmsg_build_payload(message, &object); });
}

std::span<const std::uint8_t> NftBatch::finish() {
    if (finished_)
        return bytes_;
    // Success is silent otherwise; the acknowledgement of the last command proves that the
    // kernel went through all of them.
    if (commands() > 0)
        reinterpret_cast<nlmsghdr*>(bytes_.data() + last_)->nlmsg_flags |= NLM_F_ACK;
    append(nftnl_batch_end(reinterpret_cast<char*>(scratch_.data()), next_sequence()));
    finished_ = true;
    return bytes_;
}

std::uint32_t NftBatch::commands() const {
    return static_cast<std::uint32_t>(descriptions_.size());
}

std::string NftBatch::describe(std::uint32_t sequence) const {
    if (sequence == 0 || sequence > commands())
        return "transaction";
    return descriptions_[sequence - 1];
}

} // namespace sluice
