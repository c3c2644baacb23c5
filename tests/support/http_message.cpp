#include "support/http_message.hpp"

#include <algorithm>
#include <charconv>
#include <cstdint>

namespace tiercel::test {
namespace {

constexpr std::size_t head_limit = 1 << 20;

char lower(char c) noexcept { return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c; }

bool is_digit(char c) noexcept { return c >= '0' && c <= '9'; }

bool is_token_char(char c) noexcept
{
    constexpr std::string_view marks = "!#$%&'*+-.^_`|~";
    return is_digit(c) || (lower(c) >= 'a' && lower(c) <= 'z') || marks.find(c) != std::string_view::npos;
}

bool is_token(std::string_view s) noexcept { return !s.empty() && std::all_of(s.begin(), s.end(), is_token_char); }

bool is_value_char(char c) noexcept
{
    const auto byte = static_cast<unsigned char>(c);
    return c == '\t' || (byte >= 0x20 && byte != 0x7f);
}

[[noreturn]] void malformed(const std::string& what, std::string_view where)
{
    throw protocol_error(what + ": \"" + std::string(where.substr(0, 200)) + "\"");
}

std::string_view trimmed(std::string_view s) noexcept
{
    while (!s.empty() && (s.front() == ' ' || s.front() == '\t')) { s.remove_prefix(1); }
    while (!s.empty() && (s.back() == ' ' || s.back() == '\t')) { s.remove_suffix(1); }
    return s;
}

std::pair<std::string, std::string> parse_field(std::string_view line)
{
    const std::size_t colon = line.find(':');
    if (colon == std::string_view::npos) { malformed("field line without colon", line); }
    const std::string_view name = line.substr(0, colon);
    if (!is_token(name)) { malformed("field name is not a token", line); }
    const std::string_view value = trimmed(line.substr(colon + 1));
    if (!std::all_of(value.begin(), value.end(), is_value_char)) { malformed("control byte in field value", line); }
    return {std::string(name), std::string(value)};
}

// Lines end in CRLF and contain neither byte alone; `block` ends with the empty line.
std::vector<std::string_view> split_lines(std::string_view block)
{
    std::vector<std::string_view> out;
    while (block != "\r\n") {
        const std::size_t end = block.find("\r\n");
        const std::string_view line = block.substr(0, end);
        if (line.find_first_of("\r\n") != std::string_view::npos) { malformed("bare CR or LF", line); }
        out.push_back(line);
        block.remove_prefix(end + 2);
    }
    return out;
}

std::string read_head_block(byte_stream& in, deadline until)
{
    return in.read_until("\r\n\r\n", head_limit, until);
}

header_list parse_fields(const std::vector<std::string_view>& lines)
{
    header_list out;
    for (std::size_t i = 1; i < lines.size(); ++i) { out.push_back(parse_field(lines[i])); }
    return out;
}

int parse_version(std::string_view text, std::string_view line)
{
    if (text == "HTTP/1.1") { return 1; }
    if (text == "HTTP/1.0") { return 0; }
    malformed("not HTTP/1.0 or HTTP/1.1", line);
}

std::uint64_t parse_number(std::string_view text, int base, std::string_view what)
{
    std::uint64_t n = 0;
    const auto [end, problem] = std::from_chars(text.data(), text.data() + text.size(), n, base);
    if (text.empty() || problem != std::errc() || end != text.data() + text.size()) { malformed(std::string(what), text); }
    return n;
}

// Content-Length and Transfer-Encoding as RFC 9112 §6 wants them written; anything ambiguous is an error.
framing framing_of(const http_fields& m, std::uint64_t& length)
{
    const auto coding = m.headers("Transfer-Encoding");
    const auto lengths = m.headers("Content-Length");
    if (!coding.empty() && !lengths.empty()) { throw protocol_error("Transfer-Encoding together with Content-Length"); }
    if (!coding.empty()) {
        if (coding.size() != 1 || !equal_names(coding[0], "chunked")) {
            malformed("Transfer-Encoding is not chunked", coding[0]);
        }
        return framing::chunked;
    }
    if (lengths.empty()) { return framing::none; }
    if (lengths.size() != 1) { throw protocol_error("Content-Length occurs twice"); }
    length = parse_number(lengths[0], 10, "Content-Length is not a number");
    return framing::length;
}

std::string read_chunked(byte_stream& in, header_list& trailers, deadline until)
{
    std::string body;
    for (;;) {
        std::string line = in.read_until("\r\n", 4096, until);
        line.resize(line.size() - 2);
        const std::string_view size_text = std::string_view(line).substr(0, line.find(';'));
        const std::uint64_t size = parse_number(size_text, 16, "chunk size is not a hexadecimal number");
        if (size == 0) { break; }
        body += in.read_exactly(size, until);
        if (in.read_exactly(2, until) != "\r\n") { throw protocol_error("chunk does not end in CRLF"); }
    }
    for (;;) {
        std::string line = in.read_until("\r\n", head_limit, until);
        line.resize(line.size() - 2);
        if (line.empty()) { return body; }
        trailers.push_back(parse_field(line));
    }
}

http_response read_one_response(byte_stream& in, bool to_head, deadline until)
{
    http_response r;
    r.raw_head = read_head_block(in, until);
    const auto lines = split_lines(r.raw_head);
    const std::string_view status_line = lines.empty() ? std::string_view() : lines[0];
    // HTTP-version SP 3DIGIT SP [reason] (RFC 9112 §4)
    if (status_line.size() < 13 || status_line[8] != ' ' || status_line[12] != ' ' ||
        !std::all_of(status_line.begin() + 9, status_line.begin() + 12, is_digit)) {
        malformed("not a status line", status_line);
    }
    r.minor_version = parse_version(status_line.substr(0, 8), status_line);
    r.status = static_cast<int>(parse_number(status_line.substr(9, 3), 10, "status"));
    r.reason = status_line.substr(13);
    r.fields = parse_fields(lines);

    std::uint64_t length = 0;
    r.framed = framing_of(r, length);
    const bool bodiless = r.status < 200 || r.status == 204 || r.status == 304;
    if ((r.status < 200 || r.status == 204) && r.framed != framing::none) {
        throw protocol_error("framing fields in a " + std::to_string(r.status));   // RFC 9110 §8.6, RFC 9112 §6.1
    }
    if (to_head || bodiless) { return r; }
    switch (r.framed) {
    case framing::chunked: r.body = read_chunked(in, r.trailers, until); break;
    case framing::length: r.body = in.read_exactly(length, until); break;
    default:
        r.framed = framing::until_close;
        while (true) {   // unlike read_to_end(), a reset is an error here: the body may be cut
            std::string more = in.read_some(until);
            if (more.empty()) { break; }
            r.body += more;
        }
    }
    return r;
}

}  // namespace

bool equal_names(std::string_view a, std::string_view b) noexcept
{
    return std::equal(a.begin(), a.end(), b.begin(), b.end(), [](char x, char y) { return lower(x) == lower(y); });
}

std::optional<std::string> http_fields::header(std::string_view name) const
{
    for (const auto& [n, value] : fields) {
        if (equal_names(n, name)) { return value; }
    }
    return std::nullopt;
}

std::vector<std::string> http_fields::headers(std::string_view name) const
{
    std::vector<std::string> out;
    for (const auto& [n, value] : fields) {
        if (equal_names(n, name)) { out.push_back(value); }
    }
    return out;
}

std::size_t http_fields::count(std::string_view name) const
{
    return static_cast<std::size_t>(
        std::count_if(fields.begin(), fields.end(), [&](const auto& f) { return equal_names(f.first, name); }));
}

http_request read_request_head(byte_stream& in, deadline until)
{
    http_request r;
    r.raw_head = read_head_block(in, until);
    const auto lines = split_lines(r.raw_head);
    const std::string_view line = lines.empty() ? std::string_view() : lines[0];
    const std::size_t first = line.find(' ');
    const std::size_t last = line.rfind(' ');
    if (first == std::string_view::npos || first == last) { malformed("not a request line", line); }
    r.method = line.substr(0, first);
    r.target = line.substr(first + 1, last - first - 1);
    if (!is_token(r.method) || r.target.empty() || r.target.find(' ') != std::string::npos) {
        malformed("not a request line", line);
    }
    r.minor_version = parse_version(line.substr(last + 1), line);
    r.fields = parse_fields(lines);
    return r;
}

void read_request_body(byte_stream& in, http_request& request, deadline until)
{
    std::uint64_t length = 0;
    switch (framing_of(request, length)) {
    case framing::chunked: {
        header_list trailers;
        request.body = read_chunked(in, trailers, until);
        break;
    }
    case framing::length: request.body = in.read_exactly(length, until); break;
    default: break;
    }
}

http_request read_request(byte_stream& in, deadline until)
{
    http_request r = read_request_head(in, until);
    read_request_body(in, r, until);
    return r;
}

http_response read_response(byte_stream& in, bool to_head, deadline until)
{
    std::vector<http_response> interim;
    for (;;) {
        http_response r = read_one_response(in, to_head, until);
        if (r.status >= 200 || r.status == 101) {
            r.interim = std::move(interim);
            return r;
        }
        interim.push_back(std::move(r));
    }
}

std::string request_text(std::string_view method, std::string_view target, const header_list& fields,
                         std::string_view body)
{
    std::string out = std::string(method) + " " + std::string(target) + " HTTP/1.1\r\n";
    bool has_length = false;
    for (const auto& [name, value] : fields) {
        out += name + ": " + value + "\r\n";
        has_length = has_length || equal_names(name, "Content-Length") || equal_names(name, "Transfer-Encoding");
    }
    if (!body.empty() && !has_length) { out += "Content-Length: " + std::to_string(body.size()) + "\r\n"; }
    out += "\r\n";
    out += body;
    return out;
}

}  // namespace tiercel::test
