#pragma once

// How long a message's content is (RFC 9112 §6), decided so that nobody on the way can see another length.

#include <tiercel/error.hpp>
#include <tiercel/message.hpp>

#include <cstdint>
#include <optional>
#include <string_view>

namespace tiercel {

enum class framing_kind : std::uint8_t { none, length, chunked, until_close };

struct framing {
    framing_kind kind = framing_kind::none;
    std::uint64_t length = 0;      // of kind length
    bool close_after = false;      // the connection must not carry another message
};

// A Content-Length value: digits only, no sign, no list, checked for overflow.
std::optional<std::uint64_t> parse_content_length(std::string_view value) noexcept;

// Errors: bad_request (both framings, repeated or malformed length, a coding in HTTP/1.0, any but chunked, alone and once). The
// connection is to be closed after it.
result<framing> request_framing(const request_head& rq) noexcept;

// `asked`: the method of the request that this answers. Errors: origin_invalid.
result<framing> response_framing(const response_head& rs, method asked) noexcept;

}  // namespace tiercel
