// SPDX-License-Identifier: GPL-2.0-or-later
// Runs a command while one real-time thread per processor looks at the clock every millisecond.
// A processor that the kernel does not give back shows as a look that came too late.
#include "cpu_clock.hpp"
#include "kernel/errors.hpp"
#include "tool.hpp"

#include <algorithm>
#include <array>
#include <atomic>
#include <cerrno>
#include <ctime>
#include <iostream>
#include <memory>
#include <nlohmann/json.hpp>
#include <sched.h>
#include <string>
#include <sys/wait.h>
#include <thread>
#include <unistd.h>
#include <vector>

namespace sluice::bench {
namespace {

struct Watch {
    std::vector<std::string> command;
    double after = 0.0; // seconds
};

constexpr std::uint64_t period_ns = 1'000'000;

timespec to_timespec(std::uint64_t ns) {
    return {.tv_sec = static_cast<time_t>(ns / 1'000'000'000U),
            .tv_nsec = static_cast<long>(ns % 1'000'000'000U)};
}

// One processor's watchman. Without leave for real time it works all the same, and then also sees
// other processes; `real_time` says which.
class Watchman {
public:
    explicit Watchman(int cpu) : thread_([this, cpu](const std::stop_token& stop) { watch(stop, cpu); }) {}

    // Joins first.
    [[nodiscard]] std::uint64_t latest_ns() {
        thread_.request_stop();
        if (thread_.joinable())
            thread_.join();
        return latest_;
    }
    [[nodiscard]] bool real_time() const { return real_time_; }
    void wait_until_ready() const { ready_.wait(false); }

private:
    void watch(const std::stop_token& stop, int cpu) {
        pin_to(cpu);
        const sched_param priority{.sched_priority = 50};
        real_time_ = ::sched_setscheduler(0, SCHED_FIFO, &priority) == 0;
        ready_ = true;
        ready_.notify_all();
        std::uint64_t due = wall_ns() + period_ns;
        while (!stop.stop_requested()) {
            const timespec at = to_timespec(due);
            (void)::clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &at, nullptr);
            const std::uint64_t now = wall_ns();
            latest_ = std::max(latest_, now - std::min(now, due));
            due = std::max(due, now) + period_ns;
        }
    }

    std::uint64_t latest_ = 0;
    bool real_time_ = false;
    std::atomic<bool> ready_ = false;
    std::jthread thread_;
};

// The command's output goes where ours goes to complain: standard output is for the report.
pid_t start(const std::vector<std::string>& command) {
    std::vector<char*> arguments;
    for (const std::string& word : command)
        arguments.push_back(const_cast<char*>(word.c_str()));
    arguments.push_back(nullptr);
    const pid_t child = check(::fork(), "start", command.front());
    if (child == 0) {
        ::dup2(STDERR_FILENO, STDOUT_FILENO);
        ::execvp(arguments.front(), arguments.data());
        ::_exit(127);
    }
    return child;
}

int wait_for(pid_t child) {
    int status = 0;
    while (::waitpid(child, &status, 0) == -1)
        if (errno != EINTR)
            throw SystemError("wait for", "command", errno);
    return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

int run(const Watch& watch) {
    std::vector<std::unique_ptr<Watchman>> watchmen;
    for (int cpu = 0; cpu < static_cast<int>(std::thread::hardware_concurrency()); cpu++)
        watchmen.push_back(std::make_unique<Watchman>(cpu));
    for (const auto& watchman : watchmen)
        watchman->wait_until_ready();

    const std::uint64_t begin = wall_ns();
    int code = 0;
    if (!watch.command.empty())
        code = wait_for(start(watch.command));
    const std::uint64_t end = wall_ns();
    const timespec until = to_timespec(end + static_cast<std::uint64_t>(watch.after * 1e9));
    (void)::clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &until, nullptr);

    std::uint64_t latest = 0;
    bool real_time = true;
    for (const auto& watchman : watchmen) {
        latest = std::max(latest, watchman->latest_ns());
        real_time = real_time && watchman->real_time();
    }
    std::cout << nlohmann::json{{"exit", code},
                                {"seconds", static_cast<double>(end - begin) / 1e9},
                                {"stall_ms", static_cast<double>(latest) / 1e6},
                                {"real_time", real_time}}
              << '\n';
    return code;
}

} // namespace

void add_watch(CLI::App& app, Verb& verb) {
    auto options = std::make_shared<Watch>();
    CLI::App* command =
        app.add_subcommand("watch", "run a command and find the longest stall of a processor");
    command->add_option("--after", options->after, "seconds to go on watching afterwards")
        ->capture_default_str();
    command->add_option("command", options->command, "the command; none: only watch");
    command->positionals_at_end();
    command->prefix_command();
    command->footer("\nExample: bench_tool watch --after 2 -- sluice reload");
    command->callback([options, command, &verb] {
        for (const std::string& word : command->remaining())
            options->command.push_back(word);
        verb = [options] { return run(*options); };
    });
}

} // namespace sluice::bench
