#include "routing/cidr.hpp"

#include <arpa/inet.h>

#include <algorithm>
#include <charconv>
#include <cstring>

namespace tiercel::routing {
namespace {

constexpr unsigned v4_prefix = 96;   // bits of ::ffff:0:0/96

struct words {
    std::uint64_t hi;
    std::uint64_t lo;
};

std::uint64_t big_endian(const std::uint8_t* bytes) noexcept
{
    std::uint64_t word = 0;
    for (int i = 0; i < 8; ++i) {
        word = word << 8 | bytes[i];
    }
    return word;
}

words words_of(const ip_bytes& a) noexcept { return {big_endian(a.data()), big_endian(a.data() + 8)}; }

bool is_v4(const words& w) noexcept { return w.hi == 0 && w.lo >> 32 == 0xffff; }

// The upper `bits` of a word, 0 to 64 of them.
std::uint64_t upper(unsigned bits) noexcept { return bits == 0 ? 0 : ~std::uint64_t{0} << (64 - bits); }

}  // namespace

std::optional<ip_bytes> parse_ip(std::string_view text)
{
    char terminated[INET6_ADDRSTRLEN];   // inet_pton wants a C string
    if (text.size() >= sizeof terminated || text.find('\0') != text.npos) {
        return std::nullopt;
    }
    std::memcpy(terminated, text.data(), text.size());
    terminated[text.size()] = '\0';

    ip_bytes address{};
    if (text.find(':') != text.npos) {
        return inet_pton(AF_INET6, terminated, address.data()) == 1 ? std::optional(address) : std::nullopt;
    }
    address[10] = address[11] = 0xff;
    return inet_pton(AF_INET, terminated, address.data() + 12) == 1 ? std::optional(address) : std::nullopt;
}

std::optional<cidr> cidr::parse(std::string_view text)
{
    const auto slash = text.find('/');
    const auto address_text = text.substr(0, slash);
    const auto address = parse_ip(address_text);
    if (!address) {
        return std::nullopt;
    }
    const unsigned offset = address_text.find(':') == text.npos ? v4_prefix : 0;
    unsigned length = 128 - offset;
    if (slash != text.npos) {
        const auto digits = text.substr(slash + 1);
        const auto [end, failed] = std::from_chars(digits.data(), digits.data() + digits.size(), length);
        const bool padded = digits.size() > 1 && digits.front() == '0';
        if (failed != std::errc() || end != digits.data() + digits.size() || padded || length > 128 - offset) {
            return std::nullopt;
        }
    }
    const cidr block(*address, offset + length);
    const auto w = words_of(*address);
    if ((w.hi & ~block.mask_hi_) != 0 || (w.lo & ~block.mask_lo_) != 0) {
        return std::nullopt;
    }
    return block;
}

cidr::cidr(const ip_bytes& base, unsigned length) noexcept
    : base_hi_(words_of(base).hi),
      base_lo_(words_of(base).lo),
      mask_hi_(upper(std::min(length, 64u))),
      mask_lo_(upper(length > 64 ? length - 64 : 0)),
      is_v4_(length >= v4_prefix && is_v4({base_hi_, base_lo_}))
{
}

bool cidr::contains(const ip_bytes& address) const noexcept
{
    const auto w = words_of(address);
    return is_v4(w) == is_v4_ && ((w.hi ^ base_hi_) & mask_hi_) == 0 && ((w.lo ^ base_lo_) & mask_lo_) == 0;
}

bool cidr_set::contains(const ip_bytes& address) const noexcept
{
    return std::any_of(blocks_.begin(), blocks_.end(), [&](const cidr& b) { return b.contains(address); });
}

}  // namespace tiercel::routing
