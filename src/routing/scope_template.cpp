#include "routing/scope_template.hpp"

#include <algorithm>
#include <charconv>

namespace tiercel::routing {
namespace {

std::optional<std::size_t> number_in(std::string_view text) noexcept
{
    std::size_t n = 0;
    const auto [end, ec] = std::from_chars(text.data(), text.data() + text.size(), n);
    const bool good = ec == std::errc() && end == text.data() + text.size() && n >= 1 && n <= 64;
    return good ? std::optional(n) : std::nullopt;
}

std::string_view segment_of(std::string_view path, std::size_t n) noexcept
{
    for (std::size_t i = 0;; ++i) {
        const std::size_t end = std::min(path.find('/'), path.size());
        if (i == n) { return path.substr(0, end); }   // the first is empty, before the slash that every path begins with
        if (end == path.size()) { return {}; }
        path.remove_prefix(end + 1);
    }
}

std::string_view parameter_of(std::string_view query, std::string_view name) noexcept
{
    while (!query.empty()) {
        const std::size_t end = std::min(query.find('&'), query.size());
        const std::string_view pair = query.substr(0, end);
        const std::size_t equals = pair.find('=');
        if (equals != std::string_view::npos && pair.substr(0, equals) == name) { return pair.substr(equals + 1); }
        query.remove_prefix(std::min(end + 1, query.size()));
    }
    return {};
}

constexpr std::string_view path_mark = "path.";
constexpr std::string_view query_mark = "query.";

}  // namespace

std::optional<std::string> problem_of_template(std::string_view text)
{
    for (std::size_t at = text.find_first_of("{}"); at != std::string_view::npos; at = text.find_first_of("{}", at)) {
        const std::size_t end = text.find_first_of("{}", at + 1);
        if (text[at] == '}' || end == std::string_view::npos || text[end] != '}') { return "has a brace without its partner"; }
        const std::string_view name = text.substr(at + 1, end - at - 1);
        const bool good = (name.starts_with(path_mark) && number_in(name.substr(path_mark.size()))) ||
                          (name.starts_with(query_mark) && name.size() > query_mark.size());
        if (!good) { return "may name {path.1} and so on, or {query.NAME}"; }
        at = end + 1;
    }
    return std::nullopt;
}

std::string expand(std::string_view text, std::string_view path, std::string_view query)
{
    std::string out;
    while (!text.empty()) {
        const std::size_t open = std::min(text.find('{'), text.size());
        out.append(text.substr(0, open));
        text.remove_prefix(open);
        if (text.empty()) { break; }
        const std::size_t close = text.find('}');
        const std::string_view name = text.substr(1, close - 1);
        const std::string_view value = name.starts_with(path_mark) ? segment_of(path, *number_in(name.substr(path_mark.size())))
                                                                   : parameter_of(query, name.substr(query_mark.size()));
        if (value.empty()) { return {}; }
        out.append(value);
        text.remove_prefix(close + 1);
    }
    return out;
}

}  // namespace tiercel::routing
