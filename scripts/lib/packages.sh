# shellcheck shell=bash
# shellcheck disable=SC2034 # the lists are for those who source this
# SPDX-License-Identifier: GPL-2.0-or-later
# Installs what is missing on a bare Debian 12. Only missing packages are touched, nothing that
# is recommended but not needed comes along, and never a mail server (postfix.sh unpacks one).

BUILD_PACKAGES=(
    g++ make cmake ninja-build pkg-config clang-14 bpftool
    libbpf-dev libelf-dev zlib1g-dev libnftnl-dev libmnl-dev libpcap-dev libsystemd-dev
    libcli11-dev libtomlplusplus-dev nlohmann-json3-dev libspdlog-dev
)
RUN_PACKAGES=(nftables iproute2 jq kmod procps util-linux python3 ethtool)
TEST_PACKAGES=(libgtest-dev tcpdump tshark clang-format clang-tidy iptables)
BENCH_PACKAGES=(libgtest-dev iptables)

package_installed() {
    [ "$(dpkg-query -W -f='${db:Status-Status}' "$1" 2>/dev/null)" = installed ]
}

# install_packages NAME…
install_packages() {
    local missing=() name
    for name in "$@"; do
        package_installed "$name" || missing+=("$name")
    done
    ((${#missing[@]})) || return 0
    [ "$(id -u)" -eq 0 ] || fail "these packages are missing, and only root can install them: ${missing[*]}"
    printf 'Installing: %s\n' "${missing[*]}"
    refresh_package_lists "${missing[@]}"
    local log
    log=$(mktemp)
    if ! DEBIAN_FRONTEND=noninteractive apt-get -q -y install --no-install-recommends \
        -o Dpkg::Use-Pty=0 "${missing[@]}" >"$log" 2>&1; then
        tail -n 30 "$log" >&2
        rm "$log"
        fail "the packages could not be installed"
    fi
    rm "$log"
}

# A fresh machine has no package lists, or ones older than the archive.
refresh_package_lists() {
    if ! apt-get -qq --print-uris download "$@" >/dev/null 2>&1 ||
        [ -z "$(find /var/lib/apt/lists -maxdepth 1 -type f -mtime -7 -name '*Packages*' -print -quit)" ]; then
        apt-get -q update >/dev/null
    fi
}
