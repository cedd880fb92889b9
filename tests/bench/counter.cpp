// SPDX-License-Identifier: GPL-2.0-or-later
// One counter of nftables, asked for alone: `nft list counter` reads every element of every set
// first, a million of which take minutes.
#include "kernel/errors.hpp"
#include "kernel/handle.hpp"
#include "kernel/nft_socket.hpp"
#include "tool.hpp"

#include <cstdint>
#include <iostream>
#include <libnftnl/object.h>
#include <linux/netfilter/nf_tables.h>
#include <memory>
#include <new>
#include <string>

namespace sluice::bench {
namespace {

using Object = Handle<nftnl_obj, nftnl_obj_free>;

struct Counter {
    std::string table;
    std::string name;
};

Object new_object() {
    Object object(nftnl_obj_alloc());
    if (!object)
        throw std::bad_alloc();
    return object;
}

int run(const Counter& counter) {
    const Object wanted = new_object();
    nftnl_obj_set_str(wanted.get(), NFTNL_OBJ_TABLE, counter.table.c_str());
    nftnl_obj_set_str(wanted.get(), NFTNL_OBJ_NAME, counter.name.c_str());
    nftnl_obj_set_u32(wanted.get(), NFTNL_OBJ_TYPE, NFT_OBJECT_COUNTER);
    std::uint64_t packets = 0;
    NftSocket socket;
    const bool there = socket.request(
        NFT_MSG_GETOBJ, 0, "counter",
        [&](nlmsghdr* message) { nftnl_obj_nlmsg_build_payload(message, wanted.get()); }, [] {},
        [&](const nlmsghdr* message) {
            const Object found = new_object();
            if (nftnl_obj_nlmsg_parse(message, found.get()) == 0)
                packets = nftnl_obj_get_u64(found.get(), NFTNL_OBJ_CTR_PKTS);
        });
    if (!there)
        throw SystemError("read counter", "inet " + counter.table + ' ' + counter.name, ENOENT);
    std::cout << packets << '\n';
    return 0;
}

} // namespace

void add_counter(CLI::App& app, Verb& verb) {
    auto options = std::make_shared<Counter>();
    CLI::App* command = app.add_subcommand("counter", "print the packets of a named counter of nftables");
    command->add_option("table", options->table, "of family inet")->required();
    command->add_option("name", options->name, "of the counter")->required();
    command->footer("\nExample: bench_tool counter bench_behind rest");
    command->callback([options, &verb] { verb = [options] { return run(*options); }; });
}

} // namespace sluice::bench
