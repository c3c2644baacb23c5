#pragma once

// Blocks of network addresses: who is trusted (server.trusted_proxies), who may purge (server.purge.allow).

#include <array>
#include <cstdint>
#include <optional>
#include <string_view>
#include <vector>

namespace tiercel::routing {

// An address as 16 bytes in network order; IPv4 in its mapped form, ::ffff:a.b.c.d (RFC 4291 §2.5.5.2). A dual-stack
// socket reports IPv4 peers in that form too, so both ways of seeing one peer give one value.
using ip_bytes = std::array<std::uint8_t, 16>;

// Strict text forms only: four decimal numbers without leading zeros, or RFC 4291 §2.2 without zone or brackets.
std::optional<ip_bytes> parse_ip(std::string_view text);

class cidr {
public:
    // "10.0.0.0/8", "fd00::/8"; a bare address is a block of one. Refused: bits set behind the prefix ("10.0.0.1/8"),
    // because either the length or the address is then a mistake, and the block may hold far more than was meant.
    static std::optional<cidr> parse(std::string_view text);

    // IPv4 addresses are in IPv4 blocks only: "::/0" is all of IPv6 and nothing else.
    bool contains(const ip_bytes& address) const noexcept;

private:
    cidr(const ip_bytes& base, unsigned length) noexcept;   // length in bits of the 128

    std::uint64_t base_hi_;
    std::uint64_t base_lo_;
    std::uint64_t mask_hi_;
    std::uint64_t mask_lo_;
    bool is_v4_;
};

// A handful of blocks, asked once per connection.
class cidr_set {
public:
    cidr_set() = default;
    void add(const cidr& block) { blocks_.push_back(block); }
    bool contains(const ip_bytes& address) const noexcept;
    bool empty() const noexcept { return blocks_.empty(); }

private:
    std::vector<cidr> blocks_;
};

}  // namespace tiercel::routing
