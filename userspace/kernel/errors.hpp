// SPDX-License-Identifier: GPL-2.0-or-later
// What the system refused, as an exception: which operation, on what, and errno. Thrown by
// everything under kernel/, caught in main and in the controller's tick only.
#pragma once

#include <cerrno>
#include <string>
#include <string_view>
#include <system_error>
#include <utility>

namespace sluice {

class SystemError : public std::system_error {
public:
    // `error` is an errno value, positive or negated (as libbpf and netlink return it).
    SystemError(std::string operation, std::string object, int error)
        : SystemError(std::move(operation), std::move(object),
                      std::error_code(error < 0 ? -error : error, std::generic_category())) {}

    // For what no errno says well.
    SystemError(std::string operation, std::string object, std::error_code error)
        : std::system_error(error), operation_(std::move(operation)), object_(std::move(object)),
          text_(operation_ + (object_.empty() ? "" : " " + object_) + ": " + code().message()) {}

    [[nodiscard]] const char* what() const noexcept override { return text_.c_str(); }
    [[nodiscard]] const std::string& operation() const { return operation_; }
    [[nodiscard]] const std::string& object() const { return object_; }
    [[nodiscard]] int error() const { return code().value(); }

private:
    std::string operation_;
    std::string object_;
    std::string text_;
};

// For calls that return -1 and set errno. The message is built only on failure.
template <typename Result>
Result check(Result result, const char* operation, std::string_view object = {}) {
    if (result == static_cast<Result>(-1)) {
        const int error = errno;
        throw SystemError(operation, std::string(object), error);
    }
    return result;
}

} // namespace sluice
