#pragma once

// Message heads, strictly by RFC 9112 §2-5, into views.
//
// Bytes stay where they are; the result points into them. What the grammar calls obsolete or invalid is refused, never
// repaired: bare CR or LF, folded lines, blanks before the colon, controls in names or values. tests/fuzz/request_head
// checks against Beast's parser that nothing is accepted here that Beast refuses (docs/decisions.md, "Own head parser").

#include <tiercel/error.hpp>
#include <tiercel/message.hpp>
#include <tiercel/units.hpp>

#include <cstddef>
#include <cstdint>
#include <string_view>
#include <vector>

namespace tiercel {

struct head_limits {
    byte_count uri = 8 * 1024;             // request target alone
    byte_count header_bytes = 32 * 1024;   // the whole head
    std::size_t header_count = 100;
};

// Visible characters, blanks and obs-text, no blank at either end (RFC 9110 §5.5); may be empty.
bool is_field_value(std::string_view text) noexcept;

// What both directions share: finding the end of the head over several reads, and the field lines.
class head_parser {
protected:
    explicit head_parser(head_limits limits) : limits_(limits) { fields_.reserve(32); }

    // Position just after the empty line, 0 when it has not come yet, npos when a line ends in a bare LF.
    std::size_t find_end(std::string_view bytes) noexcept;
    bool parse_fields(std::string_view lines, message_head& head);   // false: malformed

    head_limits limits_;
    std::size_t scanned_ = 0;      // bytes of the current head already searched for its end
    std::vector<field> fields_;    // capacity is kept from message to message
};

// Thread: one connection's. Usage: parse() with all bytes received so far, until it returns something but 0; head() is then
// valid as long as those bytes stay in place. The next parse() begins a new head.
class request_head_parser : head_parser {
public:
    explicit request_head_parser(head_limits limits) : head_parser(limits) {}

    // 0: need more bytes. Else the length of the head. Errors: bad_request, uri_too_long, head_too_large,
    // version_not_supported; those of the request line come with the first bad byte. Which error it is does not depend on how
    // the bytes were cut into reads.
    result<std::size_t> parse(std::string_view bytes);
    const request_head& head() const noexcept { return head_; }

private:
    enum class line_at : std::uint8_t { verb, target, version, done };

    result<std::size_t> advance(std::string_view bytes);
    errc scan_request_line(std::string_view bytes);
    void take_request_line(std::string_view bytes);
    void start_over() noexcept;

    line_at line_at_ = line_at::verb;
    std::size_t part_begin_ = 0;      // of the part of the request line that is being scanned
    std::size_t target_begin_ = 0;
    request_head head_;
};

class response_head_parser : head_parser {
public:
    explicit response_head_parser(head_limits limits) : head_parser(limits) {}

    // As above. Errors: origin_invalid, origin_head_too_large.
    result<std::size_t> parse(std::string_view bytes);
    const response_head& head() const noexcept { return head_; }

private:
    result<std::size_t> advance(std::string_view bytes);
    bool parse_status_line(std::string_view line);

    response_head head_;
};

}  // namespace tiercel
