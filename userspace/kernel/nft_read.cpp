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

std::optional<std::set<std::string>> read_set_names(NftSocket& socket) {
    std::set<std::string> names;
    const SetHandle request = named_set("");
    // A table that is not there is an empty dump on some kernels and an error on others.
    const bool found = read_table_present(socket) &&
                       socket.request(
                           NFT_MSG_GETSET, NLM_F_DUMP, "sets inet sluice",
                           [&](nlmsghdr* message) { nftnl_set_nlmsg_build_payload(message, request.get()); },
                           [&] { names.clear(); },
                           [&](const nlmsghdr* message) {
                               const SetHandle set(nftnl_set_alloc());
                               if (set && nftnl_set_nlmsg_parse(message, set.get()) == 0)
                                   names.insert(text(nftnl_set_get_str(set.get(), NFTNL_SET_NAME)));
                           });
    return found ? std::optional(std::move(names)) : std::nullopt;
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
    const ObjectHandle request(nftnl_obj_alloc());
    if (!request)
        throw std::bad_alloc();
    nftnl_obj_set_str(request.get(), NFTNL_OBJ_TABLE, table);
    nftnl_obj_set_u32(request.get(), NFTNL_OBJ_TYPE, NFT_OBJECT_COUNTER);
    socket.request(
        NFT_MSG_GETOBJ, NLM_F_DUMP, "counters inet sluice",
        [&](nlmsghdr* message) { nftnl_obj_nlmsg_build_payload(message, request.get()); },
        [&] { counters = {}; },
        [&](const nlmsghdr* message) {
            const ObjectHandle object(nftnl_obj_alloc());
            if (object && nftnl_obj_nlmsg_parse(message, object.get()) == 0)
                count(counters, text(nftnl_obj_get_str(object.get(), NFTNL_OBJ_NAME)),
                      nftnl_obj_get_u64(object.get(), NFTNL_OBJ_CTR_PKTS));
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
