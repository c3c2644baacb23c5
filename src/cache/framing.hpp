#pragma once

// Length-framed bytes: a varint (7 bits per byte, least significant first) and that many bytes. Only the shortest form of
// a varint is read, so one sequence of parts has exactly one encoding.

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

namespace tiercel {

constexpr std::size_t frame_size(std::size_t content) noexcept
{
    std::size_t size = 1 + content;
    for (std::size_t rest = content; rest >= 0x80; rest >>= 7) {
        ++size;
    }
    return size;
}

// Writes the frame of prefix + bytes and returns where it ends. REQUIRES: room for frame_size() bytes.
inline char* write_frame(char* to, std::string_view prefix, std::string_view bytes) noexcept
{
    std::size_t rest = prefix.size() + bytes.size();
    for (; rest >= 0x80; rest >>= 7) {
        *to++ = static_cast<char>(rest | 0x80);
    }
    *to++ = static_cast<char>(rest);
    to = std::copy(prefix.begin(), prefix.end(), to);
    return std::copy(bytes.begin(), bytes.end(), to);
}

inline void append_frame(std::string& out, std::string_view bytes)
{
    const std::size_t at = out.size();
    out.resize(at + frame_size(bytes.size()));
    write_frame(out.data() + at, {}, bytes);
}

// Moves the first frame of `rest` into `frame`. False when `rest` does not begin with a whole frame; both are unspecified then.
inline bool take_frame(std::string_view& rest, std::string_view& frame) noexcept
{
    std::uint64_t size = 0;
    for (unsigned shift = 0; shift < 35; shift += 7) {   // 32 bits of length are more than any frame of ours has
        if (rest.empty()) { return false; }
        const auto byte = static_cast<unsigned char>(rest.front());
        rest.remove_prefix(1);
        size |= std::uint64_t{byte & 0x7fu} << shift;
        if (byte < 0x80) {
            if (byte == 0 && shift != 0) { return false; }   // not the shortest form
            if (size > rest.size()) { return false; }
            frame = rest.substr(0, static_cast<std::size_t>(size));
            rest.remove_prefix(frame.size());
            return true;
        }
    }
    return false;
}

}  // namespace tiercel
