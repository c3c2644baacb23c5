#pragma once

// Ranges and stored answers: which bytes of a whole answer a request gets, whether a 206 may be kept as a part, and what parts
// together cover.

#include "http/range.hpp"

#include <tiercel/entry.hpp>
#include <tiercel/message.hpp>
#include <tiercel/rules.hpp>

#include <cstddef>
#include <optional>
#include <span>
#include <string_view>
#include <vector>

namespace tiercel {

// Which bytes of a whole answer a request gets: those of its Range if it is a GET, the answer a 200 and If-Range does not object
// (RFC 9110 §13.2.2, §14.2). Other conditions come first, and are the caller's to evaluate.
range_plan judge_range(const request_head& rq, int status, const range_validators& known, byte_count length);
range_plan judge_range(const request_head& rq, const entry& whole);

range_validators validators_of(const entry& e) noexcept;

// ---- parts -----------------------------------------------------------------------------------------------------------

// The verdict on a 206 as a part (RFC 9111 §3.3): the rules for whole answers, and besides it answers a request with a Range,
// names one range, carries no more than that (`length`: of its content, if known), and is fresh. A part is used as long as it is
// fresh: it is neither validated nor served stale. judge_storing() never stores a 206.
storing_verdict judge_storing_part(const request_head& rq, std::string_view path, const response_head& rs,
                                   std::optional<byte_count> length, const caching_policy& policy, const fetch_times& when);

// What a part says that it is: the one Content-Range of its head. Nothing: none, several, or one that is not sound.
std::optional<content_range> range_of(const response_head& rs) noexcept;

// May two parts be joined: the same strong ETag and the same total length (RFC 9110 §15.3.7.3)?
struct part_facts {
    content_range range;        // what it really holds
    std::string_view etag{};
    std::optional<std::int64_t> last_modified{};
};
bool may_join(const part_facts& a, const part_facts& b) noexcept;
// Do they come from different states of the resource, as far as one can tell?
bool contradict(const part_facts& a, const part_facts& b) noexcept;

// One run of bytes out of one part.
struct part_piece {
    std::size_t part = 0;       // which
    byte_span span;             // positions in the whole
    friend bool operator==(const part_piece&, const part_piece&) = default;
};

// How far parts cover a span: pieces before and after the one gap that may be there.
struct part_cover {
    std::vector<part_piece> before;
    std::optional<byte_span> gap;
    std::vector<part_piece> after;
};
// Nothing when no part holds a byte of the span, or when there are several gaps. REQUIRES: the parts may be joined.
std::optional<part_cover> cover(const byte_span& wanted, std::span<const byte_span> parts);

}  // namespace tiercel
