// SPDX-License-Identifier: GPL-2.0-or-later
// The configuration as one value: defaults stand at the fields, and a Config that exists is
// valid as a whole (limits, ports, ranges, prefix lengths). Reading files is somebody else's
// work (kernel/files): this module is given texts, so that it needs no file system.
#pragma once

#include "core/address.hpp"

#include <chrono>
#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <stdexcept>
#include <string>
#include <string_view>
#include <vector>

namespace sluice {

// Where something was written: for messages and for `why`. line counts from 1; 0: built in.
struct Origin {
    std::string file;
    std::uint32_t line = 0;
};

[[nodiscard]] std::string to_string(const Origin& origin); // "file:line", or "default"

// The configuration is refused as a whole. what() is "file:line: problem; what to do".
class ConfigError : public std::runtime_error {
public:
    ConfigError(const Origin& where, const std::string& what_and_advice);
};

enum class Mode : std::uint8_t { observe, nft, xdp };        // values of enum sluice_mode
enum class Action : std::uint8_t { observe, limit, exempt }; // values of enum sluice_action
enum class XdpChoice : std::uint8_t { automatic, native, generic };

[[nodiscard]] std::string_view to_string(Mode mode);
[[nodiscard]] std::string_view to_string(Action action);
[[nodiscard]] std::string_view to_string(XdpChoice choice); // "auto", "native", "generic"
[[nodiscard]] std::optional<Mode> parse_mode(std::string_view text);

// What a limit counts. A SYN may carry anybody's address; who completes a handshake has his own.
enum class Counting : std::uint8_t { syns, handshakes };
[[nodiscard]] std::string_view to_string(Counting count); // "syn", "handshake"

struct Limit {
    std::uint32_t connections = 10;        // 1-10000
    std::chrono::milliseconds per{60'000}; // 1 s - 24 h
    std::uint32_t warn = 0;                // 1 to connections; 0: no warning
    Counting count = Counting::handshakes;
    bool count_dropped = true;
    Origin origin;
};

struct Service {
    std::string name;
    std::vector<std::uint16_t> ports; // sorted, each once in the whole configuration
    std::optional<Limit> limit;
    Origin origin;
};

struct Range {
    Prefix prefix;
    std::string label; // the comment behind it, may be empty
    Origin origin;
};

struct ClassConfig {
    std::string name;
    Action action = Action::limit;       // resolved, see config.cpp for the default rule
    std::optional<Limit> limit;          // for all services
    std::map<std::string, Limit> limits; // by service name
    std::uint8_t prefix4 = 32;           // 0-32, as written
    std::uint8_t prefix6 = 64;           // 0-128
    std::vector<Range> ranges;           // "ranges" and "files" together
    Origin origin;
    std::vector<std::string> files; // range files, as they are opened; their ranges are above
};

struct LogConfig {
    std::string prefix = "SMTP_IN: LIMIT EXCEEDED:: "; // at most 127 bytes (NF_LOG_PREFIXLEN)
    std::chrono::milliseconds every{60'000};
    std::uint32_t max_per_second = 20; // "20/s"
};

struct Config {
    std::vector<std::string> interfaces; // names, globs, "auto"; empty: none is attached by `run`
    XdpChoice xdp = XdpChoice::automatic;
    Mode mode = Mode::observe;
    std::vector<Service> services; // in order of writing; smtp and submission if none is written
    std::optional<Limit> limit;    // [limit], only if written
    std::vector<ClassConfig>
        classes; // classes[0] is always "default" (no ranges); others in order of writing
    std::uint32_t table_sources = 131072;
    LogConfig log;
    std::vector<std::string> files; // every file that was read, for `reload` and `check`
};

// The limit that holds for one class and service, most specific first: class and service,
// class, service, [limit]. A class whose action is `limit` and that no written limit reaches in
// any service has the built-in default (10 per 60 s) in all of them. Empty when nothing limits
// it, and for an exempt class; an observing class has one too, it is only never enforced.
[[nodiscard]] std::optional<Limit> effective_limit(const Config& config, const ClassConfig& of_class,
                                                   const Service& service);

struct SourceText {
    std::string path;
    std::string text;
};

// Gives the text of a range file named in the configuration; throws std::system_error if it
// cannot be read (turned into a ConfigError at the line that names it).
using FileReader = std::function<std::string(const std::string& path)>;

// Parses sluice.toml and the conf.d files (in the order given; a later file adds tables and
// overrides plain values, a class or service may be written in one file only). Throws ConfigError.
[[nodiscard]] Config parse_config(const std::vector<SourceText>& files, const FileReader& read_range_file);

// One range file: one range or address a line, '#' and ';' begin comments, a comment behind a
// range is its label, blank lines are skipped. A bad line throws ConfigError with its file:line.
[[nodiscard]] std::vector<Range> parse_range_file(const std::string& path, std::string_view text);

// The effective configuration as TOML that parse_config accepts again (`config show`).
// Ranges that came from files are written as `files` unless expand_files.
[[nodiscard]] std::string to_toml(const Config& config, bool expand_files = false);
[[nodiscard]] std::string to_json(const Config& config);

} // namespace sluice
