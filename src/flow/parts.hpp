#pragma once

// Stored parts of answers: found for a request with Range, and kept. They live in L1 alone.

#include "flow/context.hpp"
#include "flow/keep.hpp"
#include "flow/request.hpp"
#include "rules/ranges.hpp"

#include <tiercel/entry.hpp>

#include <memory>
#include <optional>
#include <vector>

namespace tiercel::flow {

struct stored_part {
    entry_ptr e;
    byte_span holds;                     // positions in the whole
};

// How stored parts answer a request. Where other instances share an L2, parts answer for max_ttl at most: they are not looked up there,
// and a write through another instance is learnt of in no other way.
struct part_answer {
    entry_ptr repeated;                  // answered the very same Range, and does so again, as it came; nothing else counts
    std::vector<stored_part> parts;      // may be joined; the newest first
    std::optional<byte_count> total;     // length of the whole
    std::vector<byte_span> spans;        // wanted
    std::vector<part_cover> covers;      // of each of them, out of `parts`
    // Bytes that no part has; only when one span is wanted, and its parts have a strong tag.
    std::optional<byte_span> gap() const noexcept { return covers.size() == 1 ? covers.front().gap : std::nullopt; }
    // The part that will be the first to be no longer fresh.
    const entry& stalest() const noexcept;
};

struct part_lookup {
    bool any = false;                            // something of this variant is there, fresh and of the right state
    std::shared_ptr<const part_answer> answer;   // null: it does not help
};

// REQUIRES: a GET with Range. `whole`: what is stored as a whole and cannot answer, or null; parts older than that do not count.
part_lookup find_parts(const request& rq, const entry* whole, process_context& p);

// The content of a 206 is complete: kept as what was really received, which may be less than it says (RFC 9111 §3.3). Whatever is
// stored of another state of the resource goes. `asked`: the Range that it answered. False: nothing to keep, or the fence.
bool keep_part(const storable& s, const content_range& says, std::string_view asked, milliseconds delta, body_ptr content,
               const request& rq, worker_context& cx);

}  // namespace tiercel::flow
