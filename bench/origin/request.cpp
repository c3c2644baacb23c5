#include "origin/request.hpp"

#include <algorithm>
#include <charconv>

namespace tiercel::sample_origin {
namespace {

char lower(char c) noexcept { return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c; }

std::string decoded(std::string_view text)
{
    std::string out;
    for (std::size_t i = 0; i < text.size(); ++i) {
        const auto byte = text[i] == '%' && i + 3 <= text.size() ? parse_number(text.substr(i + 1, 2), 16) : std::nullopt;
        if (byte) {
            out += static_cast<char>(*byte);
            i += 2;
        } else {
            out += text[i] == '+' ? ' ' : text[i];
        }
    }
    return out;
}

std::string_view next_part(std::string_view& rest, char separator)
{
    const std::size_t end = rest.find(separator);
    const std::string_view part = rest.substr(0, end);
    rest.remove_prefix(end == std::string_view::npos ? rest.size() : end + 1);
    return part;
}

}  // namespace

bool equal_names(std::string_view a, std::string_view b) noexcept
{
    return std::equal(a.begin(), a.end(), b.begin(), b.end(), [](char x, char y) { return lower(x) == lower(y); });
}

std::optional<std::uint64_t> parse_number(std::string_view text, int base) noexcept
{
    std::uint64_t n = 0;
    const auto [end, problem] = std::from_chars(text.data(), text.data() + text.size(), n, base);
    if (problem != std::errc() || end != text.data() + text.size()) { return std::nullopt; }
    return n;
}

std::chrono::milliseconds parse_duration(std::string_view text) noexcept
{
    std::uint64_t factor = 1;
    if (text.ends_with("ms")) {
        text.remove_suffix(2);
    } else if (text.ends_with('s')) {
        text.remove_suffix(1);
        factor = 1000;
    }
    return std::chrono::milliseconds(parse_number(text).value_or(0) * factor);
}

request parse_request(std::string head)
{
    request r;
    r.head = std::move(head);
    std::string_view line = std::string_view(r.head).substr(0, r.head.find("\r\n"));
    r.method = next_part(line, ' ');
    r.target = next_part(line, ' ');
    std::string_view rest = r.target;
    r.path = next_part(rest, '?');
    while (!rest.empty()) {
        std::string_view value = next_part(rest, '&');
        const std::string_view name = next_part(value, '=');
        r.query.emplace_back(decoded(name), decoded(value));
    }
    return r;
}

std::optional<std::string_view> request::header(std::string_view name) const
{
    std::string_view rest = head;
    next_part(rest, '\n');
    while (!rest.empty()) {
        std::string_view value = next_part(rest, '\n');
        if (!equal_names(next_part(value, ':'), name)) { continue; }
        while (!value.empty() && (value.front() == ' ' || value.front() == '\t')) { value.remove_prefix(1); }
        while (!value.empty() && (value.back() == '\r' || value.back() == ' ')) { value.remove_suffix(1); }
        return value;
    }
    return std::nullopt;
}

std::optional<std::string_view> request::parameter(std::string_view name) const
{
    const auto at = std::find_if(query.begin(), query.end(), [&](const auto& p) { return p.first == name; });
    if (at == query.end()) { return std::nullopt; }
    return at->second;
}

std::uint64_t request::number(std::string_view name, std::uint64_t otherwise) const
{
    return parse_number(parameter(name).value_or("")).value_or(otherwise);
}

std::chrono::milliseconds request::duration(std::string_view name) const
{
    return parse_duration(parameter(name).value_or(""));
}

bool request::wants_close() const
{
    const auto connection = header("Connection");
    if (head.find(" HTTP/1.0\r\n") != std::string::npos) { return !connection || !equal_names(*connection, "keep-alive"); }
    return connection && equal_names(*connection, "close");
}

}  // namespace tiercel::sample_origin
