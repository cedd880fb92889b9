// SPDX-License-Identifier: GPL-2.0-or-later
// epoll over a timerfd, a signalfd and what is watched.
#include "kernel/event_loop.hpp"

#include "kernel/errors.hpp"

#include <array>
#include <sys/epoll.h>
#include <sys/signalfd.h>
#include <sys/timerfd.h>

namespace sluice {
namespace {

sigset_t to_set(const std::vector<int>& signals) {
    sigset_t set;
    ::sigemptyset(&set);
    for (const int signal : signals)
        ::sigaddset(&set, signal);
    return set;
}

} // namespace

EventLoop::EventLoop(const std::vector<int>& signals)
    : epoll_(check(::epoll_create1(EPOLL_CLOEXEC), "create", "epoll")),
      timer_(check(::timerfd_create(CLOCK_BOOTTIME, TFD_NONBLOCK | TFD_CLOEXEC), "create", "timer")) {
    const sigset_t set = to_set(signals);
    check(::sigprocmask(SIG_BLOCK, &set, nullptr), "block", "signals");
    signals_ = Fd(check(::signalfd(-1, &set, SFD_NONBLOCK | SFD_CLOEXEC), "create", "signal descriptor"));
    watch(timer_.get());
    watch(signals_.get());
}

void EventLoop::watch(int fd) {
    epoll_event event{};
    event.events = EPOLLIN;
    event.data.fd = fd;
    check(::epoll_ctl(epoll_.get(), EPOLL_CTL_ADD, fd, &event), "watch", "descriptor");
}

EventLoop::Woken EventLoop::wait(std::uint64_t deadline_ns) {
    itimerspec when{};
    when.it_value.tv_sec = static_cast<time_t>(deadline_ns / 1'000'000'000);
    when.it_value.tv_nsec = static_cast<long>(deadline_ns % 1'000'000'000);
    check(::timerfd_settime(timer_.get(), TFD_TIMER_ABSTIME, &when, nullptr), "set", "timer");

    std::array<epoll_event, 16> events{};
    const int count = ::epoll_wait(epoll_.get(), events.data(), static_cast<int>(events.size()), -1);
    Woken woken;
    if (count < 0) {
        if (errno != EINTR)
            throw SystemError("wait for", "events", errno);
        return woken;
    }
    for (std::size_t i = 0; i < static_cast<std::size_t>(count); i++) {
        const int fd = events[i].data.fd;
        if (fd == timer_.get()) {
            std::uint64_t expirations = 0;
            woken.deadline = ::read(fd, &expirations, sizeof(expirations)) > 0 || woken.deadline;
        } else if (fd == signals_.get()) {
            signalfd_siginfo info{};
            while (::read(fd, &info, sizeof(info)) == static_cast<ssize_t>(sizeof(info)))
                woken.signals.push_back(static_cast<int>(info.ssi_signo));
        } else {
            woken.readable.push_back(fd);
        }
    }
    return woken;
}

} // namespace sluice
