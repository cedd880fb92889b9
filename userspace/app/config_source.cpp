// SPDX-License-Identifier: GPL-2.0-or-later
// Reads what parse_config wants as texts. Nothing is skipped: a file that cannot be read refuses
// the whole configuration.
#include "app/config_source.hpp"

#include "kernel/errors.hpp"
#include "kernel/files.hpp"

#include <filesystem>

namespace sluice {

namespace {

std::vector<std::string> drop_ins(const std::string& path) {
    return list_files((std::filesystem::path(path).parent_path() / "conf.d").string(), ".toml");
}

SourceText read_source(const std::string& path) {
    try {
        return {path, read_file(path)};
    } catch (const SystemError& error) {
        throw ConfigError({path, 0}, "cannot be read: " + error.code().message() +
                                         "; write one, or name another with --config");
    }
}

} // namespace

Config load_config(const std::string& path) {
    std::vector<SourceText> texts{read_source(path)};
    for (const std::string& drop_in : drop_ins(path))
        texts.push_back(read_source(drop_in));
    return parse_config(texts, read_file);
}

bool config_is_written(const std::string& path) {
    return file_exists(path) || !drop_ins(path).empty();
}

} // namespace sluice
