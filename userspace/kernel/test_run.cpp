// SPDX-License-Identifier: GPL-2.0-or-later
// The metadata goes in front of the frame, and the context says where the frame begins.
#include "kernel/test_run.hpp"

#include "kernel/errors.hpp"

#include <algorithm>
#include <array>
#include <bpf/bpf.h>
#include <cstring>

namespace sluice {

TestRunResult test_run(int program, std::span<const std::uint8_t> frame, std::uint64_t time_ns,
                       bool want_frame) {
    constexpr std::size_t meta = sizeof(time_ns);
    std::array<std::uint8_t, meta + test_run_max_frame> in{};
    std::array<std::uint8_t, meta + test_run_max_frame> out{};
    const std::size_t length = std::min(frame.size(), test_run_max_frame);
    if (length < test_run_min_frame)
        throw SystemError("test run", "frame of " + std::to_string(length) + " bytes", EINVAL);
    std::memcpy(in.data(), &time_ns, meta);
    std::memcpy(in.data() + meta, frame.data(), length);

    xdp_md context{};
    context.data = meta;
    context.data_end = static_cast<std::uint32_t>(meta + length);
    LIBBPF_OPTS(bpf_test_run_opts, options);
    options.data_in = in.data();
    options.data_size_in = context.data_end;
    options.ctx_in = &context;
    options.ctx_size_in = sizeof(context);
    options.repeat = 1;
    if (want_frame) {
        options.data_out = out.data();
        options.data_size_out = static_cast<std::uint32_t>(out.size());
    }
    if (const int error = ::bpf_prog_test_run_opts(program, &options); error != 0)
        throw SystemError("test run", "XDP program", error);

    TestRunResult result;
    result.action = options.retval;
    if (want_frame && options.data_size_out >= meta)
        result.frame.assign(out.begin() + meta, out.begin() + options.data_size_out);
    return result;
}

} // namespace sluice
