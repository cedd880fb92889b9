// SPDX-License-Identifier: GPL-2.0-or-later
// libpcap does the reading. It tells all its troubles by one return value and a text, so what
// kind of trouble it is comes from the file itself: its first bytes, and whether it has ended.
#include "kernel/capture.hpp"

#include "kernel/errors.hpp"

#include <algorithm>
#include <array>
#include <cstdio>
#include <cstring>
#include <fcntl.h>
#include <pcap/pcap.h>
#include <string_view>
#include <sys/stat.h>

namespace sluice {

namespace {

using File = Handle<std::FILE, std::fclose>;

constexpr std::uint64_t ns_per_second = 1'000'000'000;
// The year 2116: behind every classic capture, and far from where arithmetic on times wraps.
constexpr std::uint64_t latest_second = 0x1'1000'0000;

constexpr const char* how_to_capture = "make one with `tcpdump -i eth0 -Q in -w FILE.pcap`";

Fd open_input(const std::string& path, const std::string& name) {
    if (path == "-")
        return Fd(check(::fcntl(STDIN_FILENO, F_DUPFD_CLOEXEC, 3), "open", name));
    Fd file(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
    const int error = errno;
    if (!file && (error == ENOENT || error == ENOTDIR))
        throw CaptureError(name, "no such file; name a capture, or - for standard input");
    if (!file)
        throw SystemError("open", name, error);
    return file;
}

// A pipe's content, as a file that can be rewound and has no name to be left behind.
Fd spool(const Fd& from, const std::string& name) {
    const File temporary(std::tmpfile());
    if (!temporary)
        throw SystemError("make", "temporary file", errno);
    std::array<char, 65536> part;
    while (true) {
        const ssize_t count = ::read(from.get(), part.data(), part.size());
        if (count < 0 && errno == EINTR)
            continue;
        if (check(count, "read", name) == 0)
            break;
        const auto size = static_cast<std::size_t>(count);
        if (std::fwrite(part.data(), 1, size, temporary.get()) != size)
            throw SystemError("write", "temporary file", errno);
    }
    if (std::fflush(temporary.get()) != 0)
        throw SystemError("write", "temporary file", errno);
    return Fd(check(::fcntl(::fileno(temporary.get()), F_DUPFD_CLOEXEC, 3), "open", "temporary file"));
}

// A hint for files that are a capture once they are unpacked.
std::string_view unpacker(std::string_view head) {
    using namespace std::string_view_literals;
    if (head.starts_with("\x1f\x8b"sv))
        return "zcat";
    if (head.starts_with("\xfd"
                         "7zX"sv))
        return "xzcat";
    if (head.starts_with("\x28\xb5\x2f\xfd"sv))
        return "zstdcat";
    if (head.starts_with("BZh"sv))
        return "bzcat";
    return {};
}

// What no reader needs to be asked about.
void check_head(const Fd& file, std::int64_t start, const std::string& name) {
    struct stat status {};
    check(::fstat(file.get(), &status), "look at", name);
    if (S_ISDIR(status.st_mode))
        throw CaptureError(name, "this is a directory; name one capture in it");
    std::array<char, 4> head{};
    const auto count = check(::pread(file.get(), head.data(), head.size(), start), "read", name);
    if (count == 0)
        throw CaptureError(name, std::string("the file is empty; ") + how_to_capture);
    const std::string_view with = unpacker({head.data(), static_cast<std::size_t>(count)});
    if (!with.empty())
        throw CaptureError(name,
                           "the file is compressed; use `" + std::string(with) + " FILE | sluice replay -`");
    if (count < 4)
        throw CaptureError(name, std::string("this is no capture (pcap or pcapng); ") + how_to_capture);
}

[[noreturn]] void refuse_link_type(const std::string& name, int link_type) {
    const char* word = ::pcap_datalink_val_to_name(link_type);
    const char* description = ::pcap_datalink_val_to_description(link_type);
    const std::string text = word == nullptr          ? "number " + std::to_string(link_type)
                             : description == nullptr ? std::string(word)
                                                      : std::string(word) + " (" + description + ')';
    throw CaptureError(name, "its link type is " + text +
                                 ", and only Ethernet can be replayed; capture on one Ethernet interface, "
                                 "as `tcpdump -i eth0 -Q in -w FILE.pcap` does, not on `-i any`");
}

// The reader has said no to the file's beginning.
[[noreturn]] void refuse_beginning(const std::string& name, bool at_end, const char* reason) {
    if (at_end)
        throw CaptureError(name, "the capture is cut off in its header, so that nothing in it can be read; "
                                 "copy or capture it again");
    // libpcap's words for a file that begins like none of its formats
    if (std::strcmp(reason, "unknown file format") == 0)
        throw CaptureError(name, std::string("this is no capture (pcap or pcapng); ") + how_to_capture);
    throw CaptureError(name, std::string("the capture's header cannot be read (") + reason +
                                 "); copy or capture it again");
}

// The reader stopped behind this many frames, and not because the file ends.
[[noreturn]] void refuse_damage(const std::string& name, std::uint64_t frames, const char* reason) {
    const std::string count = std::to_string(frames);
    const std::string advice =
        frames == 0 ? "copy or capture it again"
                    : "replay what comes before, by `editcap -r FILE PART.pcap 1-" + count + '`';
    throw CaptureError(name,
                       "the capture cannot be read behind frame " + count + " (" + reason + "); " + advice);
}

Handle<pcap, pcap_close> open_reader(const Fd& file, std::int64_t start, const std::string& name) {
    check(::lseek(file.get(), start, SEEK_SET), "rewind", name);
    Fd own(check(::fcntl(file.get(), F_DUPFD_CLOEXEC, 3), "open", name));
    File stream(::fdopen(own.get(), "rb"));
    if (!stream)
        throw SystemError("open", name, errno);
    (void)own.release();
    std::array<char, PCAP_ERRBUF_SIZE> reason{};
    Handle<pcap, pcap_close> reader(
        ::pcap_fopen_offline_with_tstamp_precision(stream.get(), PCAP_TSTAMP_PRECISION_NANO, reason.data()));
    if (!reader)
        refuse_beginning(name, std::feof(stream.get()) != 0, reason.data());
    (void)stream.release(); // closed by pcap_close
    if (const int link_type = ::pcap_datalink(reader.get()); link_type != DLT_EN10MB)
        refuse_link_type(name, link_type);
    return reader;
}

// Classic captures hold 32 unsigned bits of seconds, which libpcap hands on signed.
std::uint64_t time_of(const timeval& stamp) {
    std::int64_t seconds = stamp.tv_sec;
    if (seconds < 0 && seconds >= INT32_MIN)
        seconds += std::int64_t{1} << 32;
    const auto second = static_cast<std::uint64_t>(std::max<std::int64_t>(seconds, 0));
    const auto ns = static_cast<std::uint64_t>(std::max<std::int64_t>(stamp.tv_usec, 0)); // as asked for
    return std::min(second, latest_second) * ns_per_second + ns;
}

} // namespace

Capture::Capture(const std::string& path)
    : name_(path == "-" ? "standard input" : path), file_(open_input(path, name_)) {
    start_ = ::lseek(file_.get(), 0, SEEK_CUR);
    if (start_ < 0) {
        if (errno != ESPIPE)
            throw SystemError("read", name_, errno);
        file_ = spool(file_, name_);
        start_ = 0;
    }
    check_head(file_, start_, name_);
    rewind();
}

void Capture::rewind() {
    reader_ = open_reader(file_, start_, name_);
    frames_ = 0;
    cut_off_ = false;
}

std::optional<CapturedFrame> Capture::next() {
    pcap_pkthdr* header = nullptr;
    const unsigned char* bytes = nullptr;
    const int result = ::pcap_next_ex(reader_.get(), &header, &bytes);
    if (result == 1) {
        ++frames_;
        return CapturedFrame{{bytes, header->caplen}, time_of(header->ts), header->len};
    }
    if (result == PCAP_ERROR_BREAK) // the end
        return std::nullopt;
    std::FILE* stream = ::pcap_file(reader_.get());
    if (std::ferror(stream) != 0)
        throw SystemError("read", name_, EIO);
    if (std::feof(stream) == 0)
        refuse_damage(name_, frames_, ::pcap_geterr(reader_.get()));
    cut_off_ = true;
    return std::nullopt;
}

} // namespace sluice
