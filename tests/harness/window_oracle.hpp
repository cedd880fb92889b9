// SPDX-License-Identifier: GPL-2.0-or-later
// What the sliding window has to say, by the plainest means: a list of all logged times, counted
// anew for every attempt. Shares no code and no idea with bpf/window.h.
#pragma once

#include <algorithm>
#include <cstdint>
#include <optional>
#include <random>
#include <vector>

namespace sluice::test {

class WindowOracle {
public:
    struct Answer {
        bool over = false;
        bool edge = false;            // became over with this attempt
        std::uint64_t release_ns = 0; // of an attempt that was over
    };

    WindowOracle(std::size_t limit, std::uint64_t per_ns, bool count_dropped)
        : limit_(limit), per_(per_ns), count_dropped_(count_dropped) {}

    // Times never fall.
    Answer attempt(std::uint64_t now) {
        Answer answer;
        answer.over = count(now) >= limit_;
        if (!answer.over || count_dropped_)
            logged_.push_back(now);
        if (answer.over) {
            answer.release_ns = release_ns();
            answer.edge = over_until_ <= now;
            over_until_ = answer.release_ns;
        }
        return answer;
    }

    // Logged attempts in the last `per`: younger than it, as an attempt is within again at its end.
    [[nodiscard]] std::size_t count(std::uint64_t now, std::uint64_t longer = 0) const {
        std::size_t result = 0;
        for (auto at = logged_.rbegin(); at != logged_.rend() && now - *at < per_ + longer; ++at)
            result++;
        return result;
    }

    // 0: fewer than the limit were ever logged.
    [[nodiscard]] std::uint64_t release_ns() const {
        return logged_.size() < limit_ ? 0 : logged_[logged_.size() - limit_] + per_;
    }

    [[nodiscard]] std::uint64_t per() const { return per_; }
    [[nodiscard]] std::size_t limit() const { return limit_; }

private:
    std::size_t limit_;
    std::uint64_t per_;
    bool count_dropped_;
    std::uint64_t over_until_ = 0;
    std::vector<std::uint64_t> logged_;
};

// The next attempt's time, chosen to hurt: equal times, release moments and their neighbours,
// bursts, silences. `grain`: every step is a multiple of it.
class AttemptTimes {
public:
    AttemptTimes(std::uint64_t start, std::uint64_t grain) : now_(start), grain_(grain) {}

    std::uint64_t next(const WindowOracle& oracle, std::mt19937_64& random) {
        const std::uint64_t per = oracle.per();
        const std::uint64_t release = oracle.release_ns();
        switch (random() % 16) {
        case 0:
        case 1:
        case 2:
        case 3:
        case 4: // a burst in one instant
            break;
        case 5:
            step(grain_);
            break;
        case 6:
            step(random() % (8 * grain_));
            break;
        case 7:
            go_to(release - grain_);
            break;
        case 8:
            go_to(release);
            break;
        case 9:
            go_to(release + grain_);
            break;
        case 10:
            go_to(release - std::min(release, random() % (4 * grain_)));
            break;
        case 11:
            step(random() % (2 * per / oracle.limit() + 1));
            break; // about as fast as allowed
        case 12:
        case 13:
            step(random() % (per / oracle.limit() + 1));
            break;
        case 14:
            step(per - random() % (3 * grain_));
            break;
        default:
            if (random() % 8 == 0)
                step(per * (1 + random() % 3) + random() % per); // a silence
        }
        return now_;
    }

private:
    void step(std::uint64_t by) { now_ += by / grain_ * grain_; }
    void go_to(std::uint64_t time) {
        if (time > now_ && time - now_ < (std::uint64_t{1} << 62))
            now_ += (time - now_) / grain_ * grain_;
    }

    std::uint64_t now_;
    std::uint64_t grain_;
};

// A period from 1 s to 24 h in whole ticks, short ones as likely as long ones.
inline std::uint64_t random_period_ticks(std::mt19937_64& random, std::uint64_t tick_ns) {
    constexpr std::uint64_t shortest = 1'000'000'000, longest = 86'400'000'000'000;
    const std::uint64_t span = shortest << random() % 17;
    return std::clamp(span + random() % span, shortest, longest) / tick_ns;
}

} // namespace sluice::test
