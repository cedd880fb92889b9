// SPDX-License-Identifier: GPL-2.0-or-later
// Dump requests and their answers, decoded by libnftnl into plain values.
#include "kernel/nft_read.hpp"

#include "kernel/nft_objects.hpp"
#include "kernel/nft_ranges.hpp"
#include "kernel/nft_rule.hpp"

#include <libnftnl/rule.h>

#include <algorithm>
#include <linux/netfilter/nf_tables.h>
#include <linux/netlink.h>

namespace sluice::nft {
namespace {

SetHandle named_set(const std::string& name) {
    SetHandle set(nftnl_set_alloc());
    if (!set)
        throw std::bad_alloc();
    nftnl_set_set_str(set.get(), NFTNL_SET_TABLE, table);
    if (!name.empty())
        nftnl_set_set_str(set.get(), NFTNL_SET_NAME, name.c_str());
    return set;
}

std::string text(const char* value) {
    return value == nullptr ? "" : value;
}

RawElement decode(nftnl_set_elem* element) {
    RawElement raw;
    std::uint32_t size = 0;
    const auto* key =
        static_cast<const std::uint8_t*>(nftnl_set_elem_get(element, NFTNL_SET_ELEM_KEY, &size));
    if (key != nullptr)
        raw.key.assign(key, key + size);
    if (nftnl_set_elem_is_set(element, NFTNL_SET_ELEM_FLAGS))
        raw.interval_end =
            (nftnl_set_elem_get_u32(element, NFTNL_SET_ELEM_FLAGS) & NFT_SET_ELEM_INTERVAL_END) != 0;
    if (nftnl_set_elem_is_set(element, NFTNL_SET_ELEM_EXPIRATION)) // at least 1: it is still there
        raw.left_ms = std::max<std::uint64_t>(1, nftnl_set_elem_get_u64(element, NFTNL_SET_ELEM_EXPIRATION));
    if (nftnl_set_elem_is_set(element, NFTNL_SET_ELEM_OBJREF))
        raw.counter = text(nftnl_set_elem_get_str(element, NFTNL_SET_ELEM_OBJREF));
    if (nftnl_set_elem_is_set(element, NFTNL_SET_ELEM_CHAIN))
        raw.chain = text(nftnl_set_elem_get_str(element, NFTNL_SET_ELEM_CHAIN));
    return raw;
}

void count(NftCounters& counters, std::string_view name, std::uint64_t packets) {
    if (name.starts_with(dropped_prefix))
        counters.dropped[std::string(name.substr(dropped_prefix.size()))] = packets;
    else if (name == ranges_counter)
        counters.dropped_ranges = packets;
    else if (name == logged_counter)
        counters.logged = packets;
    else if (name == sampled_counter)
        counters.sampled = packets;
}

} // namespace

bool read_table_present(NftSocket& socket) {
    const TableHandle request(nftnl_table_alloc());
    if (!request)
        throw std::bad_alloc();
    nftnl_table_set_str(request.get(), NFTNL_TABLE_NAME, table);
    return socket.request(
        NFT_MSG_GETTABLE, 0, "table inet sluice",
        [&](nlmsghdr* message) { nftnl_table_nlmsg_build_payload(message, request.get()); }, [] {},
        [](const nlmsghdr*) {});
}

std::string read_table_fault(NftSocket& socket) {
    std::string fault;
    const TableHandle request(nftnl_table_alloc());
    const ChainHandle wanted = make_base_chain(base_chain);
    if (!request)
        throw std::bad_alloc();
    nftnl_table_set_str(request.get(), NFTNL_TABLE_NAME, table);
    socket.request(
        NFT_MSG_GETTABLE, 0, "table inet sluice",
        [&](nlmsghdr* message) { nftnl_table_nlmsg_build_payload(message, request.get()); }, [] {},
        [&](const nlmsghdr* message) {
            const TableHandle found(nftnl_table_alloc());
            if (found && nftnl_table_nlmsg_parse(message, found.get()) == 0 &&
                (nftnl_table_get_u32(found.get(), NFTNL_TABLE_FLAGS) & NFT_TABLE_F_DORMANT) != 0)
                fault = "table is dormant";
        });
    const bool chain = socket.request(
        NFT_MSG_GETCHAIN, 0, base_chain,
        [&](nlmsghdr* message) {
            const ChainHandle name = make_chain(base_chain, "");
            nftnl_chain_nlmsg_build_payload(message, name.get());
        },
        [] {},
        [&](const nlmsghdr* message) {
            const ChainHandle found(nftnl_chain_alloc());
            if (!found || nftnl_chain_nlmsg_parse(message, found.get()) != 0)
                return;
            for (const std::uint16_t attribute : {NFTNL_CHAIN_HOOKNUM, NFTNL_CHAIN_PRIO, NFTNL_CHAIN_POLICY})
                if (!nftnl_chain_is_set(found.get(), attribute) ||
                    nftnl_chain_get_u32(found.get(), attribute) !=
                        nftnl_chain_get_u32(wanted.get(), attribute))
                    fault = std::string("hook of chain ") + base_chain;
        });
    return chain ? fault : std::string("chain ") + base_chain;
}

namespace {

void read_sets(NftSocket& socket, Inventory& inventory) {
    const SetHandle request = named_set("");
    socket.request(
        NFT_MSG_GETSET, NLM_F_DUMP, "sets inet sluice",
        [&](nlmsghdr* message) { nftnl_set_nlmsg_build_payload(message, request.get()); },
        [&] { inventory.sets.clear(); },
        [&](const nlmsghdr* message) {
            const SetHandle set(nftnl_set_alloc());
            if (set && nftnl_set_nlmsg_parse(message, set.get()) == 0)
                inventory.sets[text(nftnl_set_get_str(set.get(), NFTNL_SET_NAME))] = shape(*set);
        });
}

void read_chains(NftSocket& socket, Inventory& inventory) {
    socket.request(
        NFT_MSG_GETCHAIN, NLM_F_DUMP, "chains inet sluice", [](nlmsghdr*) {},
        [&] { inventory.chains.clear(); },
        [&](const nlmsghdr* message) { // of all tables
            const ChainHandle chain(nftnl_chain_alloc());
            if (chain && nftnl_chain_nlmsg_parse(message, chain.get()) == 0 &&
                text(nftnl_chain_get_str(chain.get(), NFTNL_CHAIN_TABLE)) == table)
                inventory.chains.insert(text(nftnl_chain_get_str(chain.get(), NFTNL_CHAIN_NAME)));
        });
}

using EachObject = std::function<void(const nftnl_obj&, const std::string& name)>;

void read_objects(NftSocket& socket, std::uint16_t request_type, std::uint32_t type,
                  const std::function<void()>& restart, const EachObject& each) {
    const ObjectHandle request(nftnl_obj_alloc());
    if (!request)
        throw std::bad_alloc();
    nftnl_obj_set_str(request.get(), NFTNL_OBJ_TABLE, table);
    nftnl_obj_set_u32(request.get(), NFTNL_OBJ_TYPE, type);
    socket.request(
        request_type, NLM_F_DUMP, "objects inet sluice",
        [&](nlmsghdr* message) { nftnl_obj_nlmsg_build_payload(message, request.get()); }, restart,
        [&](const nlmsghdr* message) {
            const ObjectHandle object(nftnl_obj_alloc());
            if (object && nftnl_obj_nlmsg_parse(message, object.get()) == 0)
                each(*object, text(nftnl_obj_get_str(object.get(), NFTNL_OBJ_NAME)));
        });
}

// The sets named in a rule's outline.
void collect_lookups(const std::string& line, std::set<std::string>& names) {
    constexpr std::string_view word = " lookup:";
    for (std::size_t at = line.find(word); at != std::string::npos; at = line.find(word, at + 1)) {
        std::size_t begin = at + word.size();
        begin += line[begin] == '!' ? 1 : 0;
        names.insert(line.substr(begin, line.find(' ', begin) - begin));
    }
}

} // namespace

Inventory read_inventory(NftSocket& socket) {
    Inventory inventory;
    // Asked first: for a table that is not there some kernels answer a dump with nothing at all.
    inventory.table = read_table_present(socket);
    if (!inventory.table)
        return inventory;
    read_sets(socket, inventory);
    read_chains(socket, inventory);
    read_objects(
        socket, NFT_MSG_GETOBJ, NFT_OBJECT_COUNTER, [&] { inventory.counters.clear(); },
        [&](const nftnl_obj&, const std::string& name) { inventory.counters.insert(name); });
    read_objects(
        socket, NFT_MSG_GETOBJ, NFT_OBJECT_LIMIT, [] {},
        [&](const nftnl_obj&, const std::string& name) { inventory.limit |= name == log_limit; });
    for (const std::string& line : read_outlines(socket))
        collect_lookups(line, inventory.looked_up);
    return inventory;
}

std::vector<std::string> read_outlines(NftSocket& socket) {
    using RuleHandle = Handle<nftnl_rule, nftnl_rule_free>;
    std::vector<std::string> outlines;
    const RuleHandle request(nftnl_rule_alloc());
    if (!request)
        throw std::bad_alloc();
    nftnl_rule_set_str(request.get(), NFTNL_RULE_TABLE, table);
    socket.request(
        NFT_MSG_GETRULE, NLM_F_DUMP, "rules inet sluice",
        [&](nlmsghdr* message) { nftnl_rule_nlmsg_build_payload(message, request.get()); },
        [&] { outlines.clear(); },
        [&](const nlmsghdr* message) {
            const RuleHandle rule(nftnl_rule_alloc());
            if (rule && nftnl_rule_nlmsg_parse(message, rule.get()) == 0)
                outlines.push_back(outline(*rule));
        });
    return outlines;
}

std::vector<RawElement> read_elements(NftSocket& socket, const std::string& set) {
    std::vector<RawElement> elements;
    const SetHandle request = named_set(set);
    socket.request(
        NFT_MSG_GETSETELEM, NLM_F_DUMP, set.c_str(),
        [&](nlmsghdr* message) { nftnl_set_elems_nlmsg_build_payload(message, request.get()); },
        [&] { elements.clear(); },
        [&](const nlmsghdr* message) {
            const SetHandle part(nftnl_set_alloc());
            if (!part || nftnl_set_elems_nlmsg_parse(message, part.get()) != 0)
                return;
            nftnl_set_elem_foreach(
                part.get(),
                [](nftnl_set_elem* element, void* data) {
                    static_cast<std::vector<RawElement>*>(data)->push_back(decode(element));
                    return 0;
                },
                &elements);
        });
    return elements;
}

NftCounters read_counters(NftSocket& socket) {
    NftCounters counters;
    read_objects(
        socket, NFT_MSG_GETOBJ, NFT_OBJECT_COUNTER, [&] { counters = {}; },
        [&](const nftnl_obj& object, const std::string& name) {
            count(counters, name, nftnl_obj_get_u64(const_cast<nftnl_obj*>(&object), NFTNL_OBJ_CTR_PKTS));
        });
    return counters;
}

std::vector<NftRange> to_ranges(const Family& family, std::vector<RawElement> elements) {
    // At one address the end of an interval comes before the beginning of the next.
    std::sort(elements.begin(), elements.end(), [](const RawElement& one, const RawElement& two) {
        return one.key != two.key ? one.key < two.key : one.interval_end > two.interval_end;
    });
    Address last;
    last.bytes.fill(0xff);
    if (&family == &ip4)
        last.bytes = to_range({from_wire(ip4, std::vector<std::uint8_t>(4)), 96}).last.bytes;
    std::vector<NftRange> ranges;
    bool open = false;
    for (const RawElement& element : elements) {
        const Address address = from_wire(family, element.key);
        if (open)
            ranges.back().last = previous(address);
        open = !element.interval_end;
        if (open)
            ranges.push_back({address, last});
    }
    return ranges;
}

} // namespace sluice::nft
