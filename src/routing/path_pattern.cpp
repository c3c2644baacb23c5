#include "routing/path_pattern.hpp"

#include "http/ascii.hpp"
#include "routing/quoted.hpp"

#include <tiercel/check.hpp>

namespace tiercel::routing {
namespace {

constexpr auto npos = std::string_view::npos;

int hex_value(char c) noexcept   // of the canonical, upper-case digits
{
    if (c >= '0' && c <= '9') {
        return c - '0';
    }
    return c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1;
}

// Escapes as canonical paths have them: two upper-case digits, and never for an unreserved character (RFC 3986 §6.2.2).
bool has_foreign_escape(std::string_view text) noexcept
{
    for (auto at = text.find('%'); at != npos; at = text.find('%', at + 1)) {
        const int high = at + 2 < text.size() ? hex_value(text[at + 1]) : -1;
        const int low = at + 2 < text.size() ? hex_value(text[at + 2]) : -1;
        if (high < 0 || low < 0) {
            return true;
        }
        const char c = static_cast<char>(high * 16 + low);
        if (is_alnum(c) || c == '-' || c == '.' || c == '_' || c == '~') {
            return true;
        }
    }
    return false;
}

// The segments of "/a/b/": "a", "b", "". REQUIRES: text begins with a slash.
std::vector<std::string_view> segments_of(std::string_view text)
{
    std::vector<std::string_view> all;
    for (std::size_t at = 0; at != npos;) {
        const auto next = text.find('/', at + 1);
        all.push_back(text.substr(at + 1, next == npos ? npos : next - at - 1));
        at = next;
    }
    return all;
}

bool matches_wildcard(std::string_view pattern, std::string_view text) noexcept
{
    std::size_t p = 0;
    std::size_t t = 0;
    std::size_t star = npos;   // the last star seen, and from where it may take one character more
    std::size_t resume = 0;
    while (t < text.size()) {
        if (p < pattern.size() && pattern[p] == '*') {
            star = p++;
            resume = t;
        } else if (p < pattern.size() && pattern[p] == text[t]) {
            ++p;
            ++t;
        } else if (star != npos) {
            p = star + 1;
            t = ++resume;
        } else {
            return false;
        }
    }
    return pattern.find_first_not_of('*', p) == npos;
}

}  // namespace

std::optional<std::string> path_pattern::problem(std::string_view text)
{
    if (!text.starts_with('/')) {
        return "path " + quoted(text) + " must begin with \"/\"";
    }
    for (const char c : text) {
        if (c <= ' ' || c > '~' || c == '?' || c == '#') {   // `char` may be signed: beyond ASCII is below or above
            return "path " + quoted(text) + " holds a character that no path has; beyond ASCII it would be escaped";
        }
    }
    if (has_foreign_escape(text)) {
        return "path " + quoted(text) + " would never match: paths are compared with upper-case escapes of reserved characters only";
    }
    for (const auto s : segments_of(text)) {
        if (s == "." || s == "..") {
            return "path " + quoted(text) + " would never match: dot segments are refused";
        }
        if (s != "**" && s.find("**") != npos) {
            return "path " + quoted(text) + " needs \"**\" as a whole segment";
        }
    }
    return std::nullopt;
}

bool path_pattern::covers(std::string_view wide, std::string_view narrow) noexcept
{
    if (wide == narrow) {
        return true;
    }
    constexpr std::string_view all_below = "/**";
    if (wide.ends_with(all_below)) {
        wide.remove_suffix(all_below.size());
    } else if (wide.ends_with('/')) {
        wide.remove_suffix(1);
    }
    if (wide.find('*') != npos) {
        return false;
    }
    // The whole segments that all its paths begin with.
    if (const auto star = narrow.find('*'); star != npos) {
        narrow = narrow.substr(0, narrow.rfind('/', star));
    } else if (narrow.ends_with('/')) {
        narrow.remove_suffix(1);
    }
    return narrow.starts_with(wide) && (narrow.size() == wide.size() || narrow[wide.size()] == '/');
}

path_pattern::path_pattern(std::string_view text) : is_glob_(text.find('*') != npos)
{
    TIERCEL_CHECK(!problem(text));
    if (!is_glob_) {
        prefix_ = text.ends_with('/') ? text.substr(0, text.size() - 1) : text;
        return;
    }
    for (const auto s : segments_of(text)) {
        const auto what = s == "**" ? kind::deep : s.find('*') != npos ? kind::wildcard : kind::literal;
        segments_.push_back({what, std::string(s)});
    }
}

bool path_pattern::segment::matches(std::string_view s) const noexcept
{
    switch (what) {
        case kind::literal: return s == text;
        case kind::wildcard: return text == "*" ? !s.empty() : matches_wildcard(text, s);
        case kind::deep: break;
    }
    return false;
}

bool path_pattern::matches_glob(std::string_view path) const noexcept
{
    if (!path.starts_with('/')) {
        return false;
    }
    const std::size_t end = path.size() + 1;   // where the segment after the last one would begin
    const auto after_segment_at = [&](std::size_t at) {
        const auto slash = path.find('/', at);
        return slash == npos ? end : slash + 1;
    };
    std::size_t at = 1;
    std::size_t p = 0;
    std::size_t deep = npos;   // the last "**" seen, and from which segment it may take one more
    std::size_t resume = 0;
    while (at < end) {
        const auto next = after_segment_at(at);
        if (p < segments_.size() && segments_[p].what == kind::deep) {
            deep = p++;
            resume = at;
        } else if (p < segments_.size() && segments_[p].matches(path.substr(at, next - 1 - at))) {
            ++p;
            at = next;
        } else if (deep != npos) {
            p = deep + 1;
            at = resume = after_segment_at(resume);
        } else {
            return false;
        }
    }
    while (p < segments_.size() && segments_[p].what == kind::deep) {
        ++p;
    }
    return p == segments_.size();
}

}  // namespace tiercel::routing
