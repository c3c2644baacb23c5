#pragma once

// A stored head, updated by a 304 (RFC 9111 §3.2, §4.3.4).

#include <tiercel/entry.hpp>
#include <tiercel/message.hpp>
#include <tiercel/rules.hpp>

#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace tiercel {

// A serialised head as entries keep it ("HTTP/1.1 200 OK\r\nName: value\r\n…", no empty line), seen as fields again.
class head_block {
public:
    // REQUIRES: `block` was composed by us and outlives this.
    explicit head_block(std::string_view block);
    const response_head& head() const noexcept { return head_; }

private:
    std::vector<field> fields_;
    response_head head_;
};

// The head without the fields of these names, which are in lower case.
std::string without_fields(std::string_view head, const std::vector<std::string>& names);

// Does a 304 to our conditions speak of what is stored (RFC 9111 §4.3.4)? A strong tag must be the stored one; a weak one must
// match weakly; Last-Modified alone must be the stored one; without any validator it does, since we asked about this entry only.
enum class confirmation : std::uint8_t { confirms, mismatch };
confirmation judge_confirmation(const entry& stored, const response_head& not_modified);

// Does the 200 to a HEAD agree with what is stored (RFC 9111 §4.3.5)? In those of entity tag, Last-Modified and Content-Length
// that it has.
confirmation judge_confirmation_by_head(const entry& stored, const response_head& ok);

// The stored head with the fields of the 304 in place of those of the same name. Left as stored: Content-Length,
// Content-Range, Via, hop-by-hop fields and those that the 304's Connection names. Age goes. `drop`: lower-case names that
// must not come in from the 304.
std::string merge_heads(std::string_view stored_head, const response_head& not_modified, const std::vector<std::string>& drop);

// All that a 304 does to an entry: confirmation, merging, and judging the result as if it had just come in full. The age starts
// again from the 304, with the Age that it brought; without a Date of its own it is dated by its reception (RFC 9110 §6.6.1).
struct updated_answer {
    std::string head;            // ready to be stored: what the new directives forbid to store is gone
    storing_verdict verdict;     // store is true
    std::vector<std::string> withheld;   // lower-case names of fields that the 304 may have and that are not stored
};
// Nothing: the 304 speaks of something else, or what it makes of the entry may not be stored. Then nothing may be updated, and
// the origin has to be asked again without conditions.
std::optional<updated_answer> update_by_304(const entry& stored, const request_head& rq, std::string_view path,
                                            const response_head& not_modified, const caching_policy& policy,
                                            const fetch_times& when);

// The same by the 200 to a HEAD that agrees with it. REQUIRES: rq is the GET that is meant.
std::optional<updated_answer> update_by_head(const entry& stored, const request_head& rq, std::string_view path,
                                             const response_head& ok, const caching_policy& policy, const fetch_times& when);

}  // namespace tiercel
