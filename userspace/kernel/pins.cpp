// SPDX-License-Identifier: GPL-2.0-or-later
// Pins live in bpffs, which holds no ordinary files; the lock is therefore on the directory.
#include "kernel/pins.hpp"

#include "core/refusal.hpp"

#include <cstring>
#include <fcntl.h>
#include <filesystem>
#include <fstream>
#include <linux/magic.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/statfs.h>

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

} // namespace

WriterLock::WriterLock(const std::string& pin_dir) {
    require_bpffs(pin_dir);
    if (::mkdir(pin_dir.c_str(), 0700) != 0 && errno != EEXIST)
        throw SystemError("create directory", pin_dir, errno);
    directory_ =
        Fd(check(::open(pin_dir.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC), "open directory", pin_dir));
    while (::flock(directory_.get(), LOCK_EX) != 0)
        if (errno != EINTR)
            throw SystemError("lock", pin_dir, errno);
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
