#include "http/head_parser.hpp"

#include "http/ascii.hpp"
#include "http/member_list.hpp"

#include <algorithm>
#include <array>
#include <bit>
#include <cstdint>
#include <cstring>

namespace tiercel {
namespace {

enum : std::uint8_t { token_char = 1, value_char = 2, target_char = 4 };

constexpr std::array<std::uint8_t, 256> make_classes()
{
    std::array<std::uint8_t, 256> t{};
    for (unsigned c = 0; c < 256; ++c) {
        std::uint8_t k = 0;
        if (is_token_char(static_cast<char>(c))) {
            k |= token_char;
        }
        if (c == '\t' || (c >= 0x20 && c != 0x7f)) {
            k |= value_char;   // VCHAR, blanks and obs-text (RFC 9110 §5.5)
        }
        if (c > 0x20 && c < 0x7f) {
            k |= target_char;
        }
        t[c] = k;
    }
    return t;
}

constexpr auto classes = make_classes();

bool is(char c, std::uint8_t k) noexcept
{
    return (classes[static_cast<unsigned char>(c)] & k) != 0;
}

bool all(std::string_view s, std::uint8_t k) noexcept
{
    for (const char c : s) {
        if (!is(c, k)) {
            return false;
        }
    }
    return true;
}

// ---- eight bytes at a time ----
// The usual tricks with words: a byte below n borrows, and so sets its highest bit. Only the lowest byte that is found is
// exact, and only that one is asked for.

constexpr std::size_t word = sizeof(std::uint64_t);
static_assert(std::endian::native == std::endian::little, "the first byte is the lowest");

constexpr std::uint64_t each(std::uint8_t byte) noexcept { return ~std::uint64_t{0} / 255 * byte; }

constexpr std::uint64_t below(std::uint64_t w, std::uint8_t n) noexcept { return (w - each(n)) & ~w & each(0x80); }

constexpr std::uint64_t equal(std::uint64_t w, std::uint8_t byte) noexcept { return below(w ^ each(byte), 1); }

// The position of the first byte from `at` on that `found` marks, or of the last few bytes, which are left to the caller.
template <class Found>
std::size_t skip_words(std::string_view s, std::size_t at, Found found) noexcept
{
    for (; s.size() - at >= word; at += word) {
        std::uint64_t w = 0;
        std::memcpy(&w, s.data() + at, word);
        if (const std::uint64_t marks = found(w); marks != 0) {
            return at + static_cast<std::size_t>(std::countr_zero(marks)) / 8;
        }
    }
    return at;
}

// The first byte from `at` on that cannot stand in a field value.
std::size_t end_of_value(std::string_view s, std::size_t at) noexcept
{
    for (;;) {
        at = skip_words(s, at, [](std::uint64_t w) { return below(w, 0x20) | equal(w, 0x7f); });
        const std::size_t looked = at;
        while (at < s.size() && is(s[at], value_char) && at - looked < word) {   // a tab, or the last few bytes
            ++at;
        }
        if (at - looked < word) {
            return at;
        }
    }
}

// The first byte from `at` on that cannot stand in a request target.
std::size_t end_of_target(std::string_view s, std::size_t at) noexcept
{
    at = skip_words(s, at, [](std::uint64_t w) { return below(w, 0x21) | equal(w, 0x7f) | (w & each(0x80)); });
    while (at < s.size() && is(s[at], target_char)) {
        ++at;
    }
    return at;
}

constexpr std::size_t npos = std::string_view::npos;
constexpr std::size_t longest_method = 32;

}  // namespace

bool is_field_value(std::string_view text) noexcept
{
    return all(text, value_char) && (text.empty() || (!is_blank(text.front()) && !is_blank(text.back())));
}

std::size_t head_parser::find_end(std::string_view bytes) noexcept
{
    std::size_t from = scanned_;
    while (from < bytes.size()) {
        const void* hit = std::memchr(bytes.data() + from, '\n', bytes.size() - from);
        if (hit == nullptr) {
            break;
        }
        const auto at = static_cast<std::size_t>(static_cast<const char*>(hit) - bytes.data());
        if (at == 0 || bytes[at - 1] != '\r') {
            return npos;
        }
        if (at >= 3 && bytes[at - 2] == '\n') {
            scanned_ = 0;
            return at + 1;
        }
        from = at + 1;
    }
    scanned_ = bytes.size();
    return 0;
}

bool head_parser::parse_fields(std::string_view lines, message_head& head)
{
    fields_.clear();
    std::uint64_t present = 0;
    while (!lines.empty()) {
        const char* const begin = lines.data();
        std::size_t colon = 0;
        while (colon < lines.size() && is(begin[colon], token_char)) {
            ++colon;
        }
        if (colon == 0 || colon == lines.size() || begin[colon] != ':') {
            return false;   // empty name, blank before the colon, folded line, line without colon
        }
        const std::string_view name(begin, colon);
        std::size_t at = colon + 1;
        while (at < lines.size() && is_blank(begin[at])) {
            ++at;
        }
        const std::size_t start = at;
        at = end_of_value(lines, at);
        // Every line ends in CRLF and lone LFs were refused before, so a CR that is not followed by LF is a bare one.
        if (at + 1 >= lines.size() || begin[at] != '\r' || begin[at + 1] != '\n') {
            return false;
        }
        std::size_t end = at;
        while (end > start && is_blank(begin[end - 1])) {
            --end;
        }
        const header id = header_of(name);
        fields_.push_back(field{name, std::string_view(begin + start, end - start), id});
        present |= std::uint64_t{1} << static_cast<unsigned>(id);
        lines.remove_prefix(at + 2);
    }
    head.fields = fields_;
    head.present = present;
    return true;
}

// Left to right, and from where the last call stopped: the same bytes give the same answer however the reads cut them, and each
// byte is looked at once.
errc request_head_parser::scan_request_line(std::string_view bytes)
{
    // What of the bytes can belong to this part, which has `most` at most.
    const auto within = [&](byte_count most) {
        return bytes.substr(0, std::min<byte_count>(bytes.size() - part_begin_, most) + part_begin_);
    };
    if (line_at_ == line_at::verb) {
        const std::string_view verb = within(longest_method);
        while (scanned_ < verb.size() && is(verb[scanned_], token_char)) {
            ++scanned_;
        }
        if (scanned_ == bytes.size()) {
            return {};
        }
        if (bytes[scanned_] != ' ' || scanned_ == part_begin_) {
            return errc::bad_request;
        }
        target_begin_ = part_begin_ = ++scanned_;
        line_at_ = line_at::target;
    }
    if (line_at_ == line_at::target) {
        scanned_ = end_of_target(within(limits_.uri), scanned_);
        if (scanned_ == bytes.size()) {
            return {};
        }
        if (bytes[scanned_] != ' ' || scanned_ == part_begin_) {
            return is(bytes[scanned_], target_char) ? errc::uri_too_long : errc::bad_request;
        }
        part_begin_ = ++scanned_;
        line_at_ = line_at::version;
    }
    if (scanned_ == part_begin_ && bytes.substr(scanned_).starts_with("HTTP/1.1\r\n")) {   // nearly always, and here as a whole
        scanned_ += sizeof("HTTP/1.1\r\n") - 1;
        line_at_ = line_at::done;
        return {};
    }
    constexpr std::string_view form = "HTTP/d.d\r\n";
    for (; scanned_ < bytes.size() && scanned_ - part_begin_ < form.size(); ++scanned_) {
        const char expected = form[scanned_ - part_begin_];
        if (expected == 'd' ? !is_digit(bytes[scanned_]) : bytes[scanned_] != expected) {
            return errc::bad_request;
        }
    }
    if (scanned_ - part_begin_ == form.size()) {
        line_at_ = line_at::done;
        return bytes[part_begin_ + 5] == '1' ? errc{} : errc::version_not_supported;
    }
    return {};
}

// REQUIRES: the line is scanned; its version begins at part_begin_.
void request_head_parser::take_request_line(std::string_view bytes)
{
    head_.verb_text = bytes.substr(0, target_begin_ - 1);
    head_.verb = method_of(head_.verb_text);
    head_.target = bytes.substr(target_begin_, part_begin_ - target_begin_ - 1);
    head_.minor_version = bytes[part_begin_ + 7] == '0' ? 0 : 1;   // a higher minor is answered as 1.1 (RFC 9110 §2.5)
}

void request_head_parser::start_over() noexcept
{
    scanned_ = part_begin_ = target_begin_ = 0;
    line_at_ = line_at::verb;
}

result<std::size_t> request_head_parser::parse(std::string_view bytes)
{
    result<std::size_t> r = advance(bytes);
    if (!r || *r != 0) {
        start_over();
    }
    return r;
}

result<std::size_t> request_head_parser::advance(std::string_view bytes)
{
    // One empty line before the request line is skipped, as RFC 9112 §2.2 advises for sloppy keep-alive clients.
    const std::size_t skipped = bytes.starts_with("\r\n") ? 2 : 0;
    if (skipped == 0 && bytes == "\r") {
        return std::size_t{0};
    }
    bytes.remove_prefix(skipped);
    const std::string_view window = bytes.substr(0, limits_.header_bytes);   // what lies behind cannot belong to a head
    if (line_at_ != line_at::done) {
        if (const errc e = scan_request_line(window); e != errc{}) {
            return e;
        }
    }
    const std::size_t end = line_at_ == line_at::done ? find_end(window) : 0;
    if (end == npos) {
        return errc::bad_request;
    }
    if (end == 0) {
        return window.size() == limits_.header_bytes ? result<std::size_t>(errc::head_too_large) : std::size_t{0};
    }
    take_request_line(window);
    const std::size_t fields_begin = part_begin_ + sizeof("HTTP/1.1\r\n") - 1;
    if (!parse_fields(window.substr(fields_begin, end - fields_begin - 2), head_)) {
        return errc::bad_request;
    }
    if (head_.fields.size() > limits_.header_count) {
        return errc::head_too_large;
    }
    return end + skipped;
}

bool response_head_parser::parse_status_line(std::string_view line)
{
    // HTTP/1.x SP 3DIGIT [SP reason]: the blank before an empty reason is often left out, and harmless.
    if (line.size() < 12 || !line.starts_with("HTTP/1.") || !is_digit(line[7]) || line[8] != ' ') {
        return false;
    }
    if (line[9] < '1' || line[9] > '9' || !is_digit(line[10]) || !is_digit(line[11])) {
        return false;
    }
    if (line.size() > 12 && line[12] != ' ') {
        return false;
    }
    head_.minor_version = line[7] == '0' ? 0 : 1;
    head_.status = (line[9] - '0') * 100 + (line[10] - '0') * 10 + (line[11] - '0');
    head_.reason = line.size() > 13 ? line.substr(13) : std::string_view();
    return all(head_.reason, value_char);
}

result<std::size_t> response_head_parser::parse(std::string_view bytes)
{
    result<std::size_t> r = advance(bytes);
    if (!r || *r != 0) {
        scanned_ = 0;
    }
    return r;
}

result<std::size_t> response_head_parser::advance(std::string_view bytes)
{
    // What does not begin like a status line will never become one: no need to wait for more of it.
    constexpr std::string_view start = "HTTP/1.";
    const std::size_t n = std::min(start.size(), bytes.size());
    if (bytes.substr(0, n) != start.substr(0, n)) {
        return errc::origin_invalid;
    }
    const std::string_view window = bytes.substr(0, limits_.header_bytes);   // what lies behind cannot belong to a head
    const std::size_t end = find_end(window);
    if (end == npos) {
        return errc::origin_invalid;
    }
    if (end == 0) {
        return window.size() == limits_.header_bytes ? result<std::size_t>(errc::origin_head_too_large) : std::size_t{0};
    }
    const std::size_t line_end = window.find("\r\n");
    if (!parse_status_line(window.substr(0, line_end)) ||
        !parse_fields(window.substr(line_end + 2, end - line_end - 4), head_)) {
        return errc::origin_invalid;
    }
    if (head_.fields.size() > limits_.header_count) {
        return errc::origin_head_too_large;
    }
    return end;
}

}  // namespace tiercel
