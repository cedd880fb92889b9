// SPDX-License-Identifier: GPL-2.0-or-later
// Pins live in bpffs, which holds no ordinary files; the lock is therefore on the directory.
#include "kernel/pins.hpp"

#include "core/refusal.hpp"

#include <chrono>
#include <cstdio>
#include <cstring>
#include <fcntl.h>
#include <filesystem>
#include <fstream>
#include <linux/magic.h>
#include <optional>
#include <poll.h>
#include <sstream>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/statfs.h>
#include <sys/sysmacros.h>

namespace sluice {
namespace {

std::string boot_id() {
    std::ifstream file("/proc/sys/kernel/random/boot_id");
    std::string id;
    std::getline(file, id);
    return id;
}

void require_bpffs(const std::string& pin_dir) {
    struct statfs info {};
    const std::string parent = std::filesystem::path(pin_dir).parent_path().string();
    const bool known = ::statfs(pin_dir.c_str(), &info) == 0 || ::statfs(parent.c_str(), &info) == 0;
    if (known && info.f_type != BPF_FS_MAGIC)
        throw Refusal(pin_dir + " is not in a BPF file system; run: mount -t bpf bpf /sys/fs/bpf");
}

using Clock = std::chrono::steady_clock;

constexpr std::chrono::seconds longest_wait{30};
constexpr int poll_ms = 20;

// The directory, made if need be. Empty if somebody removed it in between.
std::optional<Fd> make_and_open(const std::string& pin_dir) {
    if (::mkdir(pin_dir.c_str(), 0700) != 0 && errno != EEXIST)
        throw SystemError("create directory", pin_dir, errno);
    const int fd = ::open(pin_dir.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0 && errno == ENOENT)
        return std::nullopt;
    return Fd(check(fd, "open directory", pin_dir));
}

// Whether the directory is still the one at that path: `detach` removes it under those who wait.
bool is_at(int directory, const std::string& pin_dir) {
    struct stat ours {};
    struct stat there {};
    check(::fstat(directory, &ours), "stat", pin_dir);
    return ::stat(pin_dir.c_str(), &there) == 0 && ours.st_dev == there.st_dev && ours.st_ino == there.st_ino;
}

// Takes the lock if it is free.
bool try_lock(int directory, const std::string& pin_dir) {
    if (::flock(directory, LOCK_EX | LOCK_NB) == 0)
        return true;
    if (errno != EWOULDBLOCK && errno != EINTR)
        throw SystemError("lock", pin_dir, errno);
    return false;
}

// Who holds the lock, as /proc/locks tells; 0 if it does not.
int lock_holder(const std::string& pin_dir) {
    struct stat info {};
    if (::stat(pin_dir.c_str(), &info) != 0)
        return 0;
    char file[64];
    std::snprintf(file, sizeof(file), "%02x:%02x:%llu", major(info.st_dev), minor(info.st_dev),
                  static_cast<unsigned long long>(info.st_ino));
    std::ifstream locks("/proc/locks");
    // 1: FLOCK  ADVISORY  WRITE 4711 00:1c:815 0 EOF; those who wait have a -> after the number
    for (std::string line; std::getline(locks, line);) {
        std::istringstream words(line);
        std::string number, kind, force, access, where;
        int pid = 0;
        if (words >> number >> kind >> force >> access >> pid >> where && kind == "FLOCK" && where == file)
            return pid;
    }
    return 0;
}

Refusal held_too_long(const std::string& pin_dir) {
    const int pid = lock_holder(pin_dir);
    const std::string holder = pid > 0 ? "see what process " + std::to_string(pid) + " waits for, or end it"
                                       : "see which one hangs or is stopped (pgrep -a sluice), and end it";
    return Refusal("another sluice command has held " + pin_dir + " for " +
                   std::to_string(longest_wait.count()) + " s; " + holder);
}

} // namespace

WriterLock::WriterLock(const std::string& pin_dir) {
    require_bpffs(pin_dir);
    const Clock::time_point end = Clock::now() + longest_wait;
    while (true) {
        if (auto directory = make_and_open(pin_dir)) {
            directory_ = std::move(*directory);
            bool locked = try_lock(directory_.get(), pin_dir);
            while (!locked && Clock::now() < end && is_at(directory_.get(), pin_dir)) {
                ::poll(nullptr, 0, poll_ms);
                locked = try_lock(directory_.get(), pin_dir);
            }
            if (locked && is_at(directory_.get(), pin_dir))
                return;
        } else {
            ::poll(nullptr, 0, poll_ms);
        }
        if (Clock::now() >= end)
            throw held_too_long(pin_dir);
    }
}

std::uint64_t current_netns() {
    struct stat info {};
    check(::stat("/proc/thread-self/ns/net", &info), "stat", "/proc/thread-self/ns/net");
    return info.st_ino;
}

bool is_pinned(const std::string& pin_dir) {
    return ::access((pin_dir + "/maps/control").c_str(), F_OK) == 0;
}

void write_identity(KernelMaps& maps) {
    sluice_identity identity = maps.identity.at(0);
    if (identity.abi_version != 0)
        return;
    identity.abi_version = SLUICE_ABI_VERSION;
    identity.log_capacity = maps.sources.log_capacity();
    identity.netns_inode = current_netns();
    std::strncpy(identity.boot_id, boot_id().c_str(), sizeof(identity.boot_id) - 1);
    std::strncpy(identity.version, SLUICE_VERSION, sizeof(identity.version) - 1);
    maps.identity.put(0, identity);
}

void check_identity(const KernelMaps& maps) {
    const sluice_identity identity = maps.identity.at(0);
    if (identity.abi_version != SLUICE_ABI_VERSION)
        throw Refusal("the pinned state was made by sluice " + std::string(identity.version) + " (layout " +
                      std::to_string(identity.abi_version) + ", this is " + SLUICE_VERSION + " with layout " +
                      std::to_string(SLUICE_ABI_VERSION) +
                      "); remove it with that version's `sluice detach`");
    if (identity.netns_inode != current_netns())
        throw Refusal("sluice works in network namespace net:[" + std::to_string(identity.netns_inode) +
                      "], this command runs in net:[" + std::to_string(current_netns()) +
                      "]; run it there (nsenter --net=...), or name another --pin-dir");
}

KernelMaps open_state(const std::string& pin_dir) {
    if (::access(pin_dir.c_str(), X_OK) != 0 && errno == EACCES)
        throw Refusal("only root may read the kernel's state in " + pin_dir + "; run this command as root");
    if (!is_pinned(pin_dir)) {
        require_bpffs(pin_dir);
        throw Refusal("sluice is not attached: nothing is pinned in " + pin_dir +
                      "; run `sluice attach IFACE` or start the service");
    }
    KernelMaps maps = KernelMaps::open_pinned(pin_dir);
    check_identity(maps);
    return maps;
}

void remove_pins(const std::string& pin_dir) {
    std::error_code error;
    std::filesystem::remove_all(pin_dir, error);
    if (error)
        throw SystemError("remove pins", pin_dir, error.value());
}

} // namespace sluice
