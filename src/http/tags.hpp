#pragma once

// Names under which an origin groups its answers, so that many can be invalidated at once.

#include <tiercel/message.hpp>

#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace tiercel {

// The groups of a Cache-Groups or Cache-Group-Invalidation field (RFC 9875): all lines as one List of Strings. Empty when the
// field is absent or not valid; it is ignored as a whole then. `name` in any case of letters.
std::vector<std::string> parse_groups(const message_head& head, std::string_view name);

// What an answer is tagged with by Surrogate-Key (names between blanks) and Cache-Tag (between commas), and the groups that it
// is in. In the order of the fields, without empty ones.
struct answer_tags {
    std::vector<std::string> tags;
    std::vector<std::string> groups;
    bool too_many = false;         // beyond the limits below: some of it was not read
};
answer_tags parse_tags(const response_head& rs);

// Of all of them together. An answer with more could not be invalidated by all that it is tagged with.
inline constexpr std::size_t most_tags = 64;
inline constexpr std::size_t longest_tag = 1024;
inline constexpr std::size_t most_tag_bytes = 16 * 1024;

// Fields that tell nobody but this cache anything: Surrogate-Key and Cache-Tag. Cache-Groups is for every cache on the way.
bool is_tag_field(header h) noexcept;

}  // namespace tiercel
