// SPDX-License-Identifier: GPL-2.0-or-later
// A capture file as a row of frames with their times: where `replay` gets its packets from.
// Classic pcap and pcapng, either byte order, micro- and nanoseconds; Ethernet only.
#pragma once

#include "core/refusal.hpp"
#include "kernel/fd.hpp"
#include "kernel/handle.hpp"

#include <cstdint>
#include <optional>
#include <span>
#include <string>

struct pcap;
extern "C" void pcap_close(pcap*);

namespace sluice {

// The file given is none that can be replayed: what() is "FILE: problem; what to do".
// Wrong usage, in contrast to SystemError.
class CaptureError : public UsageError {
public:
    CaptureError(const std::string& file, const std::string& problem_and_advice)
        : UsageError(file + ": " + problem_and_advice) {}
};

struct CapturedFrame {
    std::span<const std::uint8_t> bytes; // until the next call
    std::uint64_t time_ns = 0;           // since 1970
    std::uint32_t wire_length = 0;       // more than bytes.size(): cut when it was captured
};

class Capture {
public:
    // A path, or "-" for standard input. What cannot be rewound (a pipe) is first read to its
    // end into a nameless temporary file.
    explicit Capture(const std::string& path);

    // For messages: the path, or "standard input".
    [[nodiscard]] const std::string& name() const { return name_; }

    // Empty at the end, or where the file breaks off within a frame; see is_cut_off(). Throws
    // CaptureError where it is damaged in another way.
    [[nodiscard]] std::optional<CapturedFrame> next();

    // After the end: the file breaks off within its last frame.
    [[nodiscard]] bool is_cut_off() const { return cut_off_; }

    void rewind();

private:
    std::string name_;
    Fd file_;
    std::int64_t start_ = 0;
    Handle<pcap, pcap_close> reader_;
    std::uint64_t frames_ = 0;
    bool cut_off_ = false;
};

} // namespace sluice
