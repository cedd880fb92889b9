// SPDX-License-Identifier: GPL-2.0-or-later
// Setting libnftnl's attributes, and the user data by which nft knows comments and byte orders.
#include "kernel/nft_objects.hpp"

#include <libnftnl/udata.h>

#include <linux/netfilter.h>
#include <linux/netfilter/nf_tables.h>
#include <net/if.h>
#include <new>

namespace sluice::nft {
namespace {

constexpr int raw_priority = -300;                 // NF_IP_PRI_RAW: before connection tracking
constexpr std::uint32_t verdict_data = 0xffffff00; // NFT_DATA_VERDICT
constexpr std::uint32_t verdict_size = 16;
// nft's enum byteorder, kept in a set's user data
constexpr std::uint32_t host_order = 1;
constexpr std::uint32_t network_order = 2;

class UserData {
public:
    UserData() : data_(nftnl_udata_buf_alloc(NFT_USERDATA_MAXLEN)) {
        if (!data_)
            throw std::bad_alloc();
    }
    void text(std::uint8_t type, const std::string& value) {
        if (!value.empty())
            nftnl_udata_put_strz(data_.get(), type, value.c_str());
    }
    void number(std::uint8_t type, std::uint32_t value) { nftnl_udata_put_u32(data_.get(), type, value); }
    [[nodiscard]] const void* data() const { return nftnl_udata_buf_data(data_.get()); }
    [[nodiscard]] std::uint32_t size() const { return nftnl_udata_buf_len(data_.get()); }

private:
    Handle<nftnl_udata_buf, nftnl_udata_buf_free> data_;
};

template <typename HandleType>
HandleType required(HandleType handle) {
    if (!handle)
        throw std::bad_alloc();
    return handle;
}

std::uint32_t key_size(KeyType type) {
    switch (type) {
    case KeyType::nfproto:
        return 1;
    case KeyType::inet_service:
        return 2;
    case KeyType::ipv4:
        return 4;
    case KeyType::ipv6:
        return 16;
    case KeyType::ifname:
        return IFNAMSIZ;
    }
    return 0;
}

} // namespace

TableHandle make_table() {
    auto handle = required(TableHandle(nftnl_table_alloc()));
    nftnl_table_set_u32(handle.get(), NFTNL_TABLE_FAMILY, NFPROTO_INET);
    nftnl_table_set_str(handle.get(), NFTNL_TABLE_NAME, table);
    nftnl_table_set_u32(handle.get(), NFTNL_TABLE_FLAGS, 0); // awake, if it was made dormant
    UserData data;
    data.text(NFTNL_UDATA_TABLE_COMMENT, "made by sluice, which undoes changes; `sluice status` explains it");
    nftnl_table_set_data(handle.get(), NFTNL_TABLE_USERDATA, data.data(), data.size());
    return handle;
}

ChainHandle make_chain(const std::string& name, const std::string& comment) {
    auto handle = required(ChainHandle(nftnl_chain_alloc()));
    nftnl_chain_set_str(handle.get(), NFTNL_CHAIN_TABLE, table);
    nftnl_chain_set_str(handle.get(), NFTNL_CHAIN_NAME, name.c_str());
    if (comment.empty())
        return handle;
    UserData data;
    data.text(NFTNL_UDATA_CHAIN_COMMENT, comment);
    nftnl_chain_set_data(handle.get(), NFTNL_CHAIN_USERDATA, data.data(), data.size());
    return handle;
}

ChainHandle make_base_chain(const std::string& name) {
    auto handle = make_chain(name, "");
    nftnl_chain_set_str(handle.get(), NFTNL_CHAIN_TYPE, "filter");
    nftnl_chain_set_u32(handle.get(), NFTNL_CHAIN_HOOKNUM, NF_INET_PRE_ROUTING);
    nftnl_chain_set_s32(handle.get(), NFTNL_CHAIN_PRIO, raw_priority);
    nftnl_chain_set_u32(handle.get(), NFTNL_CHAIN_POLICY, NF_ACCEPT);
    return handle;
}

namespace {

ObjectHandle make_object(const std::string& name, std::uint32_t type) {
    auto handle = required(ObjectHandle(nftnl_obj_alloc()));
    nftnl_obj_set_str(handle.get(), NFTNL_OBJ_TABLE, table);
    nftnl_obj_set_str(handle.get(), NFTNL_OBJ_NAME, name.c_str());
    nftnl_obj_set_u32(handle.get(), NFTNL_OBJ_TYPE, type);
    return handle;
}

} // namespace

ObjectHandle make_counter(const std::string& name) {
    auto handle = make_object(name, NFT_OBJECT_COUNTER);
    nftnl_obj_set_u64(handle.get(), NFTNL_OBJ_CTR_PKTS, 0);
    nftnl_obj_set_u64(handle.get(), NFTNL_OBJ_CTR_BYTES, 0);
    return handle;
}

ObjectHandle make_limit(const std::string& name, std::uint32_t per_second) {
    auto handle = make_object(name, NFT_OBJECT_LIMIT);
    nftnl_obj_set_u64(handle.get(), NFTNL_OBJ_LIMIT_RATE, per_second);
    nftnl_obj_set_u64(handle.get(), NFTNL_OBJ_LIMIT_UNIT, 1);
    nftnl_obj_set_u32(handle.get(), NFTNL_OBJ_LIMIT_BURST, per_second);
    nftnl_obj_set_u32(handle.get(), NFTNL_OBJ_LIMIT_TYPE, NFT_LIMIT_PKTS);
    nftnl_obj_set_u32(handle.get(), NFTNL_OBJ_LIMIT_FLAGS, 0);
    return handle;
}

SetHandle make_set(const SetSpec& spec) {
    auto handle = required(SetHandle(nftnl_set_alloc()));
    nftnl_set* set = handle.get();
    nftnl_set_set_str(set, NFTNL_SET_TABLE, table);
    nftnl_set_set_str(set, NFTNL_SET_NAME, spec.name.c_str());
    nftnl_set_set_u32(set, NFTNL_SET_FAMILY, NFPROTO_INET);
    nftnl_set_set_u32(set, NFTNL_SET_FLAGS, spec.flags);
    nftnl_set_set_u32(set, NFTNL_SET_KEY_TYPE, static_cast<std::uint32_t>(spec.key));
    nftnl_set_set_u32(set, NFTNL_SET_KEY_LEN, key_size(spec.key));
    UserData data;
    const bool host = spec.key == KeyType::ifname || spec.key == KeyType::nfproto;
    data.number(NFTNL_UDATA_SET_KEYBYTEORDER, host ? host_order : network_order);
    if (spec.flags & NFT_SET_OBJECT)
        nftnl_set_set_u32(set, NFTNL_SET_OBJ_TYPE, NFT_OBJECT_COUNTER);
    if (spec.flags & NFT_SET_MAP) {
        nftnl_set_set_u32(set, NFTNL_SET_DATA_TYPE, verdict_data);
        nftnl_set_set_u32(set, NFTNL_SET_DATA_LEN, verdict_size);
    }
    if (spec.size != 0)
        nftnl_set_set_u32(set, NFTNL_SET_DESC_SIZE, spec.size);
    if (spec.timeout.count() != 0)
        nftnl_set_set_u64(set, NFTNL_SET_TIMEOUT, static_cast<std::uint64_t>(spec.timeout.count()));
    data.text(NFTNL_UDATA_SET_COMMENT, spec.comment);
    nftnl_set_set_data(set, NFTNL_SET_USERDATA, data.data(), data.size());
    return handle;
}

std::string shape(const nftnl_set& set) {
    std::string text;
    const auto append = [&](std::uint64_t value) { text += std::to_string(value) + " "; };
    for (const std::uint16_t attribute : {NFTNL_SET_FLAGS, NFTNL_SET_KEY_TYPE, NFTNL_SET_KEY_LEN,
                                          NFTNL_SET_DATA_TYPE, NFTNL_SET_OBJ_TYPE, NFTNL_SET_DESC_SIZE})
        append(nftnl_set_is_set(&set, attribute) ? nftnl_set_get_u32(&set, attribute) : 0);
    append(nftnl_set_is_set(&set, NFTNL_SET_TIMEOUT) ? nftnl_set_get_u64(&set, NFTNL_SET_TIMEOUT) : 0);
    return text;
}

Elements::Elements(const std::string& set) : set_(required(SetHandle(nftnl_set_alloc()))) {
    nftnl_set_set_str(set_.get(), NFTNL_SET_TABLE, table);
    nftnl_set_set_str(set_.get(), NFTNL_SET_NAME, set.c_str());
}

// The set owns its elements.
nftnl_set_elem* Elements::append(std::span<const std::uint8_t> key) {
    nftnl_set_elem* element = nftnl_set_elem_alloc();
    if (element == nullptr)
        throw std::bad_alloc();
    nftnl_set_elem_set(element, NFTNL_SET_ELEM_KEY, key.data(), static_cast<std::uint32_t>(key.size()));
    nftnl_set_elem_add(set_.get(), element);
    ++size_;
    return element;
}

void Elements::add(std::span<const std::uint8_t> key, std::uint64_t timeout_ms) {
    nftnl_set_elem* element = append(key);
    if (timeout_ms != 0)
        nftnl_set_elem_set_u64(element, NFTNL_SET_ELEM_TIMEOUT, timeout_ms);
}

void Elements::add_counted(std::span<const std::uint8_t> key, std::uint64_t timeout_ms,
                           const std::string& counter) {
    nftnl_set_elem* element = append(key);
    nftnl_set_elem_set_str(element, NFTNL_SET_ELEM_OBJREF, counter.c_str());
    if (timeout_ms != 0)
        nftnl_set_elem_set_u64(element, NFTNL_SET_ELEM_TIMEOUT, timeout_ms);
}

void Elements::add_jump(std::span<const std::uint8_t> key, const std::string& chain) {
    nftnl_set_elem* element = append(key);
    nftnl_set_elem_set_u32(element, NFTNL_SET_ELEM_VERDICT, static_cast<std::uint32_t>(NFT_JUMP));
    nftnl_set_elem_set_str(element, NFTNL_SET_ELEM_CHAIN, chain.c_str());
}

void Elements::add_interval_end(std::span<const std::uint8_t> key) {
    nftnl_set_elem_set_u32(append(key), NFTNL_SET_ELEM_FLAGS, NFT_SET_ELEM_INTERVAL_END);
}

} // namespace sluice::nft
