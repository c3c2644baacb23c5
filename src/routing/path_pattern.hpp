#pragma once

// Which paths a route is for.
//
// Without a star, a prefix that ends on a segment boundary: "/a/b" is for "/a/b", "/a/b/" and "/a/b/c", not for "/a/bc". A
// slash at its end says nothing ("/a/b/" is for the same paths); "/" is for all.
// With a star, a glob over the whole path: "*" is any text inside one segment, and at least one character when it is all
// of the segment; "**" is any number of whole segments, none included. "/a/**" is for "/a", "/a/" and all below.
// Other characters stand for themselves, in canonical form (http/target).
//
// Matching takes at most path length times pattern length: only the last star of a kind is ever tried again, which is
// enough, since what an earlier star could take more, a later one can take as well.

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace tiercel::routing {

class path_pattern {
public:
    // What is wrong with the text, in words for whoever wrote it.
    static std::optional<std::string> problem(std::string_view text);

    // Does the first of two texts match all that the second one matches? May say no where it is hard to tell.
    // REQUIRES: problem() finds nothing in them.
    static bool covers(std::string_view wide, std::string_view narrow) noexcept;

    // REQUIRES: !problem(text).
    explicit path_pattern(std::string_view text);

    bool matches(std::string_view path) const noexcept
    {
        return is_glob_ ? matches_glob(path) : matches_prefix(path);
    }

private:
    enum class kind : std::uint8_t { literal, wildcard, deep };   // "abc", "a*c" or "*", "**"
    struct segment {
        kind what;
        std::string text;
        bool matches(std::string_view s) const noexcept;
    };

    bool matches_prefix(std::string_view path) const noexcept
    {
        return prefix_.empty() || (path.starts_with(prefix_) && (path.size() == prefix_.size() || path[prefix_.size()] == '/'));
    }
    bool matches_glob(std::string_view path) const noexcept;

    bool is_glob_;
    std::string prefix_;              // without its last slash
    std::vector<segment> segments_;   // of a glob
};

}  // namespace tiercel::routing
