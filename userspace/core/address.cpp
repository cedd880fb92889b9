// SPDX-License-Identifier: GPL-2.0-or-later
// Texts to addresses and back. Whoever reads an address, from a file or a command line, goes
// through here, so that all of them refuse the same spellings with the same words.
#include "core/address.hpp"

#include "core/text.hpp"

#include <arpa/inet.h>

#include <algorithm>
#include <charconv>
#include <cstddef>
#include <cstring>

namespace sluice {

namespace {

constexpr std::array<std::uint8_t, 12> v4_mapped = {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff};
constexpr std::uint8_t v4_bits = 96;

// inet_pton wants a zero behind the text; what does not fit here is no address.
using TextBuffer = std::array<char, 48>;

bool terminated(std::string_view text, TextBuffer& buffer) {
    if (text.size() >= buffer.size() || text.find('\0') != std::string_view::npos)
        return false;
    std::memcpy(buffer.data(), text.data(), text.size());
    buffer[text.size()] = '\0';
    return true;
}

// Also lets v4-mapped spellings through; callers refuse them, each in its own way.
std::optional<Address> parse_any(std::string_view text) {
    TextBuffer buffer;
    Address result;
    if (text.empty() || !terminated(text, buffer))
        return std::nullopt;
    if (text.find(':') != std::string_view::npos) {
        if (inet_pton(AF_INET6, buffer.data(), result.bytes.data()) != 1)
            return std::nullopt;
        return result;
    }
    std::copy(v4_mapped.begin(), v4_mapped.end(), result.bytes.begin());
    if (inet_pton(AF_INET, buffer.data(), result.bytes.data() + v4_mapped.size()) != 1)
        return std::nullopt;
    return result;
}

bool is_mapped_spelling(std::string_view text, const Address& address) {
    return address.is_v4() && text.find(':') != std::string_view::npos;
}

// Digits alone, without a leading zero, 0-999.
std::optional<int> parse_length(std::string_view text) {
    int value = 0;
    if (text.empty() || text.size() > 3 || (text.size() > 1 && text[0] == '0'))
        return std::nullopt;
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
    if (error != std::errc() || end != text.data() + text.size() || value < 0)
        return std::nullopt;
    return value;
}

// "192.000.002.010" -> 192.0.2.10, if that is what it is.
std::optional<Address> without_leading_zeros(std::string_view text) {
    std::string result;
    for (std::size_t i = 0; i < text.size(); ++i) {
        const bool starts = i == 0 || text[i - 1] == '.';
        while (starts && text[i] == '0' && i + 1 < text.size() && text[i + 1] != '.')
            ++i;
        result += text[i];
    }
    return result.size() < text.size() ? parse_any(result) : std::nullopt;
}

// The prefix length of 255.255.255.0 and its like.
std::optional<int> netmask_length(std::string_view text) {
    const std::optional<Address> mask = parse_any(text);
    if (!mask || !mask->is_v4())
        return std::nullopt;
    Address ones = *mask;
    std::fill(ones.bytes.begin(), ones.bytes.end(), std::uint8_t{0xff});
    std::copy(v4_mapped.begin(), v4_mapped.end(), ones.bytes.begin());
    for (int length = 0; length <= 32; ++length)
        if (masked(ones, static_cast<std::uint8_t>(v4_bits + length)) == *mask)
            return length;
    return std::nullopt;
}

std::string explain_address(std::string_view whole, std::string_view address) {
    const std::string name = in_quotes(whole);
    if (whole.empty())
        return "an empty text is no address or range; write one, as in 192.0.2.0/24 or 2001:db8::/32";
    if (address.find('%') != std::string_view::npos)
        return name + " has a zone; write the address without '%' and what follows it";
    if (const auto meant = without_leading_zeros(address))
        return name + " has leading zeros, which some programs read as octal; write " + to_string(*meant);
    if (whole.find('-') != std::string_view::npos)
        return name + " is a span of addresses; write it as prefixes, as in 192.0.2.0/24";
    return name + " is no address or range; write one, as in 192.0.2.0/24 or 2001:db8::/32";
}

std::string explain_length(std::string_view whole, const Address& address, std::string_view length) {
    const int longest = address.is_v4() ? 32 : 128;
    if (const auto meant = netmask_length(length); meant && address.is_v4())
        return in_quotes(whole) + " has a netmask; write its length: " + to_string(address) + '/' +
               std::to_string(*meant);
    return in_quotes(whole) + " has " + in_quotes(length) + " as its length; write 0 to " +
           std::to_string(longest) + " behind the slash";
}

std::string explain_mapped(std::string_view whole, const Prefix& prefix) {
    const std::string meant = prefix.length < v4_bits ? to_string(prefix.address) : to_string(prefix);
    return in_quotes(whole) + " is IPv4 in an IPv6 spelling, which no packet carries; write " + meant;
}

std::string explain_host_bits(std::string_view whole, const Prefix& meant, const Address& address) {
    return in_quotes(whole) + " has bits set behind its length; write " + to_string(meant) +
           " for the range or " + to_string(address) + " for the address";
}

void append_hex(std::string& text, unsigned value) {
    std::array<char, 4> digits;
    const auto end = std::to_chars(digits.data(), digits.data() + digits.size(), value, 16).ptr;
    text.append(digits.data(), end);
}

std::string v6_to_string(const Address& address) {
    const auto group = [&](std::size_t i) {
        return static_cast<unsigned>(address.bytes[2 * i] << 8 | address.bytes[2 * i + 1]);
    };
    // RFC 5952: the first longest run of at least two zero groups becomes "::".
    std::size_t run_begin = 8, run_length = 1;
    for (std::size_t i = 0; i < 8; ++i) {
        std::size_t end = i;
        while (end < 8 && group(end) == 0)
            ++end;
        if (end - i > run_length) {
            run_begin = i;
            run_length = end - i;
        }
    }
    std::string text;
    for (std::size_t i = 0; i < 8; ++i) {
        if (i == run_begin) {
            text += "::";
            i += run_length - 1;
            continue;
        }
        if (!text.empty() && text.back() != ':')
            text += ':';
        append_hex(text, group(i));
    }
    return text;
}

} // namespace

bool Address::is_v4() const {
    return std::equal(v4_mapped.begin(), v4_mapped.end(), bytes.begin());
}

std::optional<Address> parse_address(std::string_view text) {
    const std::optional<Address> address = parse_any(text);
    if (!address || is_mapped_spelling(text, *address))
        return std::nullopt;
    return address;
}

std::string to_string(const Address& address) {
    if (!address.is_v4())
        return v6_to_string(address);
    std::string text;
    for (std::size_t i = v4_mapped.size(); i < address.bytes.size(); ++i) {
        if (!text.empty())
            text += '.';
        text += std::to_string(address.bytes[i]);
    }
    return text;
}

Address masked(const Address& address, std::uint8_t length) {
    Address result = address;
    for (std::size_t i = 0; i < result.bytes.size(); ++i) {
        const int kept = std::clamp(length - static_cast<int>(8 * i), 0, 8);
        result.bytes[i] = static_cast<std::uint8_t>(result.bytes[i] & (0xff00 >> kept));
    }
    return result;
}

bool Prefix::contains(const Address& other) const {
    return masked(other, length) == address;
}

bool Prefix::contains(const Prefix& other) const {
    return other.length >= length && contains(other.address);
}

PrefixParse parse_prefix(std::string_view text) {
    const auto refuse = [](std::string error) { return PrefixParse{std::nullopt, std::move(error), false}; };
    const std::size_t slash = text.find('/');
    const bool bare = slash == std::string_view::npos;
    const std::string_view address_text = text.substr(0, slash);
    const std::optional<Address> address = parse_any(address_text);
    if (!address)
        return refuse(explain_address(text, address_text));

    const bool mapped_spelling = is_mapped_spelling(address_text, *address);
    const bool counts_to_32 = address->is_v4() && !mapped_spelling;
    int length = 128;
    if (!bare) {
        const std::string_view length_text = text.substr(slash + 1);
        const std::optional<int> written = parse_length(length_text);
        if (!written || *written > (counts_to_32 ? 32 : 128))
            return refuse(explain_length(text, *address, length_text));
        length = counts_to_32 ? *written + v4_bits : *written;
    }
    const auto mapped_length = static_cast<std::uint8_t>(length);
    if (mapped_spelling)
        return refuse(explain_mapped(text, {*address, mapped_length}));
    const Prefix prefix{masked(*address, mapped_length), mapped_length};
    if (prefix.address != *address)
        return refuse(explain_host_bits(text, prefix, *address));
    // The mapped space lies inside ::/0, and whoever writes that means IPv6 alone.
    if (length < v4_bits && prefix.contains(Address{{0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff, 0, 0, 0, 0}}))
        return refuse(in_quotes(text) +
                      " would take in all of IPv4 as well; write 2000::/3 for the IPv6 internet, "
                      "0.0.0.0/0 for IPv4");
    return {prefix, "", bare};
}

std::string to_string(const Prefix& prefix) {
    return to_string(prefix.address) + '/' + std::to_string(prefix.written_length());
}

} // namespace sluice
