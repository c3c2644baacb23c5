#pragma once

// Byte ranges (RFC 9110 §14): what a request asks for, which bytes that are of a content of known length, and how parts of an
// answer name themselves.

#include <tiercel/message.hpp>

#include <cstddef>
#include <cstdint>
#include <limits>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace tiercel {

// More ranges than this in one request are not heeded: the whole answers as well.
inline constexpr std::size_t most_ranges = 32;

// No content that is spoken of is longer: leaves room to add up sizes.
inline constexpr std::uint64_t longest_content = std::uint64_t{1} << 62;

// One range as asked for: `first` to `last`, or the last `first` bytes. Positions beyond 64 bits stand at their end.
struct range_spec {
    static constexpr std::uint64_t open_end = std::numeric_limits<std::uint64_t>::max();
    std::uint64_t first = 0;
    std::uint64_t last = open_end;
    bool suffix = false;
    friend bool operator==(const range_spec&, const range_spec&) = default;
};

// Positions of bytes, both included.
struct byte_span {
    std::uint64_t first = 0;
    std::uint64_t last = 0;
    std::uint64_t size() const noexcept { return last - first + 1; }
    bool holds(const byte_span& other) const noexcept { return first <= other.first && other.last <= last; }
    friend bool operator==(const byte_span&, const byte_span&) = default;
};

// The ranges of a Range value, in its order. Nothing when the field is to be ignored: another unit, malformed, or too many.
std::optional<std::vector<range_spec>> parse_range(std::string_view value);
// The same of a request; a repeated field is ignored, since it is no list.
std::optional<std::vector<range_spec>> parse_range(const request_head& rq);

enum class range_answer : std::uint8_t {
    whole,           // no range, or none that it is worth heeding
    one,             // 206 with Content-Range
    several,         // 206 with multipart/byteranges
    unsatisfiable,   // 416
};

struct range_plan {
    range_answer how = range_answer::whole;
    std::vector<byte_span> spans;     // in the order asked for; one or several, with something between any two of them
};

// The bytes of a content of that length. Two ranges that overlap, and any that adjoin, are answered as one (RFC 9110 §15.3.7.2). The
// whole answers more than two that overlap, and many that are small (§14.2); also the last bytes of nothing at all, which are
// satisfiable and cannot be named. REQUIRES: length <= longest_content.
range_plan plan_ranges(const std::vector<range_spec>& asked, std::uint64_t length);

// What a client's If-Range is compared with.
struct range_validators {
    std::string_view etag{};
    std::optional<std::int64_t> last_modified{};   // seconds since 1970
    std::optional<std::int64_t> date{};
    std::int64_t now = 0;                          // places two-digit years
};

// True also without If-Range. Tags compare strongly; a date holds if it is the one of the last change and that is a strong
// validator: at least a second older than the answer (RFC 9110 §13.1.5, §8.8.2.2).
bool if_range_holds(const request_head& rq, const range_validators& known) noexcept;

// ---- Content-Range ---------------------------------------------------------------------------------------------------

struct content_range {
    byte_span span;
    std::optional<std::uint64_t> total;            // nothing: "*"
    friend bool operator==(const content_range&, const content_range&) = default;
};

// "bytes 0-9/100" or "bytes 0-9/*". Nothing for everything else, "bytes */100" included, and when the numbers contradict
// each other or are beyond longest_content.
std::optional<content_range> parse_content_range(std::string_view value) noexcept;
void append_content_range(std::string& out, const content_range& r);
// "bytes */100"
void append_unsatisfied_range(std::string& out, std::uint64_t total);

// ---- multipart/byteranges (RFC 9110 §14.6) -----------------------------------------------------------------------------

// The value of Content-Type.
std::string multipart_type(std::string_view boundary);
// What stands before the bytes of a part. `type`: Content-Type of the whole, may be empty.
std::string multipart_head(std::string_view boundary, std::string_view type, const content_range& r, bool is_first);
// What stands behind the last part.
std::string multipart_end(std::string_view boundary);

}  // namespace tiercel
