#pragma once

// One try to send, without waiting.

#include <cstddef>
#include <optional>
#include <span>
#include <string_view>

namespace tiercel::async {

// Up to this many pieces go into one send.
inline constexpr std::size_t max_pieces = 8;
using pieces = std::span<const std::string_view>;

inline std::size_t size_of(pieces what) noexcept
{
    std::size_t n = 0;
    for (const auto p : what) {
        n += p.size();
    }
    return n;
}

// How much of the pieces, in their order, the socket took: one system call, 0 when it is full. Nothing: the connection is
// broken. Little is copied together first; copying up to 8 KiB is cheaper than having the kernel gather (docs/decisions.md).
// REQUIRES: at most max_pieces.
std::optional<std::size_t> send_now(int fd, pieces what) noexcept;

}  // namespace tiercel::async
