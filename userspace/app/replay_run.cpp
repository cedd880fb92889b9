// SPDX-License-Identifier: GPL-2.0-or-later
// Capture -> program -> ReplayReport. The program is loaded for this alone, and its maps vanish
// with it.
#include "app/replay.hpp"

#include "core/over.hpp"
#include "core/policy.hpp"
#include "core/table_sizes.hpp"
#include "core/watch_list.hpp"
#include "kernel/counters.hpp"
#include "kernel/errors.hpp"
#include "kernel/event_ring.hpp"
#include "kernel/policy_loader.hpp"
#include "kernel/program.hpp"
#include "kernel/test_run.hpp"

#include <algorithm>
#include <map>

namespace sluice {

namespace {

// A table for all sources of most captures; one that proves too small is made again, larger,
// because who was evicted would start from nothing. The last is about a gigabyte.
constexpr std::uint32_t first_table = 65536;
constexpr std::uint32_t largest_table = 4U << 20;
// The kernel keeps some free entries back for each CPU, and evicts before the table is full.
constexpr std::uint64_t spare_entries = 65536;

// Moments of 0 mean "never" in the kernel's entries, and a capture may begin at 0.
constexpr std::uint64_t time_shift_ns = 1'000'000'000;

Program load_program(const PolicyImage& image, Mode mode, std::uint32_t table) {
    ProgramOptions options;
    options.sizes = table_sizes(table, image.largest_limit, image.has_large);
    options.time_in_metadata = true;
    Program program = Program::load(options);
    load_policy(program.maps(), image, 0);
    sluice_control control = program.maps().control_word();
    const auto word = static_cast<std::uint32_t>(mode);
    control.mode_word = sluice_mode_word(word, word, 0);
    program.maps().control.put(0, control);
    return program;
}

// No socket of this machine answered the frames of a capture, so no handshake can be verified: SYNs are
// counted, whatever the configuration says.
PolicyImage counting_syns(PolicyImage image) {
    for (sluice_policy& policy : image.policies)
        policy.flags &= static_cast<std::uint8_t>(~SLUICE_POLICY_HANDSHAKE);
    image.counts_handshakes = false;
    return image;
}

// Edges, to the nanosecond: entries keep them only as exactly as status needs.
struct Edges {
    std::uint64_t first_ns = 0;
    std::uint64_t last_ns = 0;
};
using EdgesOf = std::map<sluice_source_key, Edges, SourceKeyLess>;

void take_edges(EventRing& ring, EdgesOf& edges) {
    for (const sluice_event& event : ring.drain()) {
        if (event.kind != SLUICE_EVENT_OVER)
            continue;
        Edges& of_source = edges.try_emplace(event.key, Edges{event.time_ns, event.time_ns}).first->second;
        of_source.last_ns = event.time_ns;
    }
}

// All frames once. What the reader and not the program knows goes into the report.
void run_frames(Capture& capture, const Program& program, ReplayReport& report, EdgesOf& edges) {
    constexpr std::uint64_t frames_between = 1024; // their edges fit into the ring
    EventRing ring(program.maps().events.get());
    std::uint64_t now = 0;
    while (const std::optional<CapturedFrame> frame = capture.next()) {
        ++report.frames;
        report.frames_cut += frame->bytes.size() < frame->wire_length ? 1 : 0;
        report.frames_backwards += frame->time_ns < now ? 1 : 0;
        now = std::max(now, frame->time_ns);
        report.first_ns = std::min(report.first_ns.value_or(frame->time_ns), frame->time_ns);
        report.last_ns = now;
        if (frame->bytes.size() < test_run_min_frame) // the kernel does not run these
            ++report.outcomes[SLUICE_MALFORMED];
        else
            (void)test_run(program.fd(), frame->bytes, now + time_shift_ns);
        if (report.frames % frames_between == 0)
            take_edges(ring, edges);
    }
    take_edges(ring, edges);
    report.cut_off = capture.is_cut_off();
}

ReplaySource describe(const PolicyImage& image, const sluice_source_key& key, const sluice_source& entry,
                      const EdgesOf& edges, std::uint32_t log_capacity, std::uint64_t end_ns) {
    const sluice_policy& policy = image.policies.at(sluice_policy_index(0, entry.class_id, key.service));
    constexpr std::uint64_t ns_per_ms = 1'000'000;
    const auto shown = [](std::uint64_t ns) { return ns < time_shift_ns ? 0 : ns - time_shift_ns; };
    ReplaySource source;
    source.source = source_of(key);
    source.service = image.names.services.at(key.service);
    source.class_name = image.names.classes.at(entry.class_id);
    source.action = static_cast<Action>(policy.action);
    source.connections = policy.connections;
    source.per = std::chrono::milliseconds(policy.per_ticks * SLUICE_TICK_NS / ns_per_ms);
    source.attempts = entry.attempts;
    source.over = entry.over;
    source.times_over = entry.times_over;
    if (const auto found = edges.find(key); found != edges.end()) {
        source.first_over_ns = shown(found->second.first_ns);
        source.last_over_ns = shown(found->second.last_ns);
    }
    source.released_ns = shown(entry.until_ns);
    // exactly, unless the latest was one that is not logged
    source.last_attempt_ns = shown(std::max(last_attempt(entry, end_ns), latest_logged(entry, log_capacity)));
    return source;
}

void add_tallies(const KernelMaps& maps, const Names& names, ReplayReport& report) {
    std::vector<ReplayTally> services(names.services.size());
    for (std::uint32_t class_id = 0; class_id < names.classes.size(); ++class_id) {
        if (names.classes[class_id].empty())
            continue;
        ReplayTally of_class{names.classes[class_id]};
        for (std::uint32_t service = 1; service < names.services.size(); ++service) {
            if (names.services[service].empty())
                continue;
            const sluice_tally tally = read_tally(maps, class_id, service);
            of_class.attempts += tally.attempts;
            of_class.over += tally.over;
            services[service].attempts += tally.attempts;
            services[service].over += tally.over;
        }
        report.classes.push_back(std::move(of_class));
    }
    for (std::uint32_t service = 1; service < services.size(); ++service)
        if (!names.services[service].empty()) {
            services[service].name = names.services[service];
            report.services.push_back(services[service]);
        }
}

// One pass with a table of this size. `made`: entries made, which is at least the sources there are.
ReplayReport pass(Capture& capture, const PolicyImage& image, Mode mode, std::uint32_t table,
                  std::uint64_t& made) {
    const Program program = load_program(image, mode, table);
    const KernelMaps& maps = program.maps();
    ReplayReport report;
    report.mode = mode;
    EdgesOf edges;
    run_frames(capture, program, report, edges);
    const std::uint64_t end_ns = report.last_ns.value_or(0) + time_shift_ns;
    const sluice_counters counters = read_counters(maps);
    for (unsigned i = 0; i < report.outcomes.size(); ++i)
        report.outcomes[i] += counters.n[i];
    maps.sources.for_each([&](const sluice_source_key& key, const sluice_source& entry) {
        report.sources.push_back(describe(image, key, entry, edges, maps.sources.log_capacity(), end_ns));
    });
    sort_sources(report.sources);
    add_tallies(maps, image.names, report);
    // refused and evicted newcomers were there as well
    made = counters.n[SLUICE_SOURCES_NEW] + counters.n[SLUICE_SOURCES_REFUSED];
    report.sources_lost = made - std::min<std::uint64_t>(made, report.sources.size());
    return report;
}

// "25, 465, 587, 8000-8100"
std::string ports_text(const Config& config) {
    std::vector<std::uint16_t> ports;
    for (const Service& service : config.services)
        ports.insert(ports.end(), service.ports.begin(), service.ports.end());
    std::sort(ports.begin(), ports.end());
    std::string text;
    for (std::size_t first = 0, next = 0; first < ports.size(); first = next) {
        while (next < ports.size() && ports[next] - ports[first] == static_cast<int>(next - first))
            ++next;
        text += (text.empty() ? "" : ", ") + std::to_string(ports[first]);
        if (next - first > 1)
            text += '-' + std::to_string(ports[next - 1]);
    }
    return text;
}

} // namespace

ReplayReport replay_capture(Capture& capture, const Config& config, Mode mode) {
    const PolicyImage image = counting_syns(compile_policy(config, Names{}));
    std::uint64_t made = 0;
    std::uint32_t table = first_table;
    ReplayReport report = pass(capture, image, mode, table, made);
    while (report.sources_lost != 0 && table < largest_table) {
        table = static_cast<std::uint32_t>(std::min<std::uint64_t>(largest_table, made * 2 + spare_entries));
        capture.rewind();
        try {
            report = pass(capture, image, mode, table, made);
        } catch (const SystemError& error) {
            if (error.error() != ENOMEM)
                throw;
            break; // the report so far says what was lost
        }
    }
    report.ports = ports_text(config);
    report.has_limit = image.largest_limit != 0 || image.has_large;
    return report;
}

} // namespace sluice
