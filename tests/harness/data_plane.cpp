// SPDX-License-Identifier: GPL-2.0-or-later
// Thin: everything goes through the same loader, policy compiler and test run as the product.
#include "data_plane.hpp"

#include "core/outcome.hpp"
#include "kernel/counters.hpp"
#include "kernel/policy_loader.hpp"
#include "kernel/test_run.hpp"

#include <linux/bpf.h>

#include <algorithm>
#include <cstring>
#include <unistd.h>

namespace sluice::test {
namespace {

sluice_lpm_key lpm_key(const Prefix& prefix) {
    sluice_lpm_key key{};
    key.prefix_len = prefix.length;
    std::memcpy(key.addr, prefix.address.bytes.data(), sizeof key.addr);
    return key;
}

void put_override(BpfMap<sluice_lpm_key, sluice_override>& map, const std::string& text,
                  std::uint64_t until_ns) {
    const Prefix prefix = parse_prefix(text).prefix.value();
    sluice_override word{};
    word.until_ns = until_ns;
    word.prefix_len = prefix.length;
    map.put(lpm_key(prefix), word);
}

ProgramOptions options(std::uint32_t log_capacity, std::uint32_t sources) {
    ProgramOptions result;
    result.sizes = table_sizes(sources, std::min<std::uint32_t>(log_capacity, SLUICE_MAX_LIMIT),
                               log_capacity > SLUICE_MAX_LIMIT);
    result.time_in_metadata = true;
    return result;
}

std::size_t id_of(const std::vector<std::string>& names, const std::string& name) {
    return static_cast<std::size_t>(std::find(names.begin(), names.end(), name) - names.begin());
}

} // namespace

std::string why_no_bpf() {
    static const std::string why = [] {
        if (::geteuid() != 0)
            return std::string("needs root: loads a BPF program");
        try {
            (void)Program::load(options(SLUICE_MAX_LIMIT, 64));
            return std::string();
        } catch (const SystemError& error) {
            // A program that the verifier refuses is a failure, not a reason to look away.
            return error.error() == EPERM ? std::string(error.what()) : std::string();
        }
    }();
    return why;
}

std::ostream& operator<<(std::ostream& out, const Verdict& verdict) {
    return out << (verdict.dropped ? "dropped, " : "passed, ") << outcome_name(verdict.outcome);
}

DataPlane::DataPlane(std::uint32_t log_capacity, std::uint32_t sources)
    : program_(Program::load(options(log_capacity, sources))), ring_(program_.maps().events.get()) {}

PolicyImage DataPlane::compile(const std::string& toml) const {
    const Config config =
        parse_config({{"test.toml", toml}}, [](const std::string&) { return std::string(); });
    PolicyImage image = compile_policy(config, names_);
    // No socket answers a test run; so what does not say how it counts is about SYNs.
    if (toml.find("count =") == std::string::npos) {
        for (sluice_policy& policy : image.policies)
            policy.flags &= static_cast<std::uint8_t>(~SLUICE_POLICY_HANDSHAKE);
        image.counts_handshakes = false;
    }
    return image;
}

void DataPlane::load(const std::string& toml, bool with_samples) {
    const Config config =
        parse_config({{"test.toml", toml}}, [](const std::string&) { return std::string(); });
    PolicyImage image = compile(toml);
    if (!with_samples)
        image.log_max = 0;
    load(image);
    set_mode(config.mode);
}

void DataPlane::load(const PolicyImage& image) {
    load_policy(maps(), image, latest_ns_);
    names_ = image.names;
}

void DataPlane::set_mode_word(std::uint64_t word) {
    sluice_control control = maps().control.at(0);
    control.mode_word = word;
    maps().control.put(0, control);
}

void DataPlane::ban(const std::string& prefix, std::uint64_t until_ns) {
    put_override(maps().bans, prefix, until_ns);
}

void DataPlane::allow(const std::string& prefix, std::uint64_t until_ns) {
    put_override(maps().allows, prefix, until_ns);
}

Verdict DataPlane::send(const Bytes& frame, std::uint64_t time_ns) {
    latest_ns_ = std::max(latest_ns_, time_ns);
    const sluice_counters before = read_counters(maps());
    const TestRunResult result = test_run(program_.fd(), frame, time_ns);
    const sluice_counters after = read_counters(maps());
    Verdict verdict;
    verdict.dropped = result.action == XDP_DROP;
    std::uint64_t moved = 0;
    for (unsigned i = 0; i < SLUICE_OUTCOMES; i++)
        if (after.n[i] != before.n[i]) {
            moved += after.n[i] - before.n[i];
            verdict.outcome = static_cast<sluice_outcome>(i);
        }
    if (moved != 1)
        verdict.outcome = SLUICE_OUTCOMES;
    return verdict;
}

Bytes DataPlane::sent_up(const Bytes& frame, std::uint64_t time_ns) {
    latest_ns_ = std::max(latest_ns_, time_ns);
    return test_run(program_.fd(), frame, time_ns, true).frame;
}

std::size_t DataPlane::send_many(const Packet& packet, std::uint64_t time_ns, std::size_t count,
                                 sluice_outcome outcome) {
    latest_ns_ = std::max(latest_ns_, time_ns);
    const Bytes frame = packet.bytes();
    const std::uint64_t before = counter(outcome);
    for (std::size_t i = 0; i < count; i++)
        (void)test_run(program_.fd(), frame, time_ns);
    return counter(outcome) - before;
}

std::vector<sluice_event> DataPlane::events() {
    return ring_.drain();
}

std::uint64_t DataPlane::counter(unsigned index) const {
    return read_counters(maps()).n[index];
}

sluice_tally DataPlane::tally(const std::string& of_class, const std::string& service) const {
    return read_tally(maps(), static_cast<std::uint32_t>(id_of(names_.classes, of_class)),
                      static_cast<std::uint32_t>(id_of(names_.services, service)));
}

std::optional<sluice_source> DataPlane::source(const std::string& prefix, std::uint8_t service) const {
    const Prefix parsed = parse_prefix(prefix).prefix.value();
    sluice_source_key key{};
    std::memcpy(key.addr, parsed.address.bytes.data(), sizeof key.addr);
    key.prefix_len = parsed.length;
    key.service = service;
    return maps().sources.find(key);
}

std::vector<std::string> DataPlane::source_names() const {
    std::vector<std::string> names;
    maps().sources.for_each([&](const sluice_source_key& key, const sluice_source&) {
        Prefix prefix;
        std::memcpy(prefix.address.bytes.data(), key.addr, sizeof key.addr);
        prefix.length = key.prefix_len;
        names.push_back(to_string(prefix) + ' ' + std::to_string(key.service));
    });
    std::sort(names.begin(), names.end());
    return names;
}

PolicyImage plain_policy(std::uint32_t connections, std::uint64_t per_ticks, bool count_dropped,
                         sluice_action action) {
    PolicyImage image;
    image.names.classes[0] = "default";
    image.names.services[1] = "smtp";
    image.ports.service[25] = 1;
    sluice_policy policy{};
    policy.connections = connections;
    policy.per_ticks = per_ticks;
    policy.action = static_cast<std::uint8_t>(action);
    policy.prefix4 = 128;
    policy.prefix6 = 64;
    policy.flags = count_dropped ? SLUICE_POLICY_COUNT_DROPPED : 0;
    image.policies.assign(std::size_t{SLUICE_MAX_CLASSES} * SLUICE_MAX_SERVICES, policy);
    image.largest_limit = connections;
    image.longest_per_ns = 24 * 3600 * second;
    image.log_every_ns = 60 * second;
    image.log_max = 0; // what the window is tested with lets no sample through
    return image;
}

} // namespace sluice::test
