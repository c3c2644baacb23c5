#pragma once

// Writing content in chunks (RFC 9112 §7.1).

#include <array>
#include <charconv>
#include <cstddef>
#include <string_view>

namespace tiercel {

constexpr std::string_view last_chunk = "0\r\n\r\n";

// The line before a chunk of so many bytes. After them comes CRLF.
class chunk_line {
public:
    explicit chunk_line(std::size_t n) noexcept
    {
        char* end = std::to_chars(text_.data(), text_.data() + 16, n, 16).ptr;
        *end++ = '\r';
        *end++ = '\n';
        size_ = static_cast<std::size_t>(end - text_.data());
    }
    std::string_view view() const noexcept { return {text_.data(), size_}; }

private:
    std::array<char, 18> text_;
    std::size_t size_;
};

}  // namespace tiercel
