# SPDX-License-Identifier: GPL-2.0-or-later
"""Prints COUNT distinct ranges in no order: IPv4 /32 and /24, IPv6 /48 and /64, as 4 : 3 : 2 : 1.

make_ranges.py COUNT
None contains the addresses that the benchmark speaks from: IPv4 lies in 11.0.0.0 to 126.255.255.255.
"""
import sys

STEP = 2654435761  # a prime: multiples of it meet every number below the moduli used here
FIRST4 = 11 << 24
SPAN4 = 116 << 24


def line(i):
    kind = i % 10
    if kind < 7:
        length = 32 if kind < 4 else 24
        bits = 32 - length
        n = FIRST4 + (i * STEP % (SPAN4 >> bits) << bits)
        return f"{n >> 24}.{n >> 16 & 255}.{n >> 8 & 255}.{n & 255}/{length}\n"
    n = i * STEP % (1 << 32)
    high, low = n >> 16, n & 0xFFFF
    return f"2400:{high:x}:{low:x}::/48\n" if kind < 9 else f"2401:{high:x}:{low:x}:{i & 0xFFFF:x}::/64\n"


if __name__ == "__main__":
    sys.stdout.writelines(map(line, range(int(sys.argv[1]))))
