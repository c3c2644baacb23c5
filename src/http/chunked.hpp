#pragma once

// The chunked transfer coding (RFC 9112 §7.1), decoded without I/O and strictly: what is dubious is malformed.

#include <cstddef>
#include <cstdint>
#include <string_view>

namespace tiercel {

enum class chunk_state : std::uint8_t {
    need_more,    // all input consumed, not finished
    content,      // `content` holds a run of decoded bytes, a view into the input
    done,         // the last chunk and the trailers are through; what was not consumed belongs to something else
    malformed,    // final
};

struct chunk_step {
    chunk_state state = chunk_state::need_more;
    std::size_t consumed = 0;
    std::string_view content;
};

// Refused: sizes with anything but up to 16 hex digits, overflow, bare CR or LF, controls and unterminated quotes in
// extensions, malformed trailer lines, trailers beyond 8 KiB, and extensions or padding that get 8 KiB ahead of a quarter of
// the content (some servers pad each size). Trailers are checked and dropped: they decide nothing and are never merged into the head
// (RFC 9110 §6.5).
class chunk_decoder {
public:
    // Consumes some of `in`; call again with the rest. After done or malformed the answer stays the same.
    chunk_step feed(std::string_view in) noexcept;
    // Bytes of the current chunk that are still to come, as soon as its size is known.
    std::uint64_t announced() const noexcept { return at_ == at::data ? left_ : 0; }

private:
    enum class at : std::uint8_t {
        size_start, size, size_blank, extension, extension_quoted, extension_escape, size_lf, data, data_cr, data_lf,
        trailer_start, trailer_name, trailer_value, trailer_lf, end_lf, done, bad,
    };

    bool step(char c) noexcept;   // one byte outside chunk data; false: malformed

    at at_ = at::size_start;
    std::uint64_t left_ = 0;      // of the current chunk
    std::uint8_t digits_ = 0;
    std::size_t overhead_ = 0;    // bytes of extensions beyond the usual; then of trailers
};

}  // namespace tiercel
