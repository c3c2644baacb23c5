#pragma once

// From an origin's answer to a stored entry: keys of variants, scopes, the fence, both tiers.

#include "flow/context.hpp"
#include "flow/request.hpp"

#include <tiercel/entry.hpp>
#include <tiercel/rules.hpp>

#include <string>
#include <string_view>
#include <vector>

namespace tiercel::flow {

// What is known about an answer when its head has been judged storable; content comes later.
struct storable {
    std::string key;                        // framed, with secondary parts when it varies
    std::vector<std::string> selecting;     // lower-case names of Vary, sorted; empty: does not vary
    std::string head;                       // storable_head(), without framing
    int status = 200;
    storing_verdict verdict;                // times.delta still to be filled in
    std::string etag;
    std::optional<std::int64_t> last_modified;
    std::optional<std::int64_t> date;
    sequence stamp = 0;                     // validity when the fetch began
};

// REQUIRES: verdict.store. `rq` must be the request whose answer this is: its fields select the variant.
storable make_storable(const request& rq, const response_head& rs, storing_verdict verdict, sequence stamp,
                       const fetch_times& when);

// The key under which the answer with these selecting fields would lie for `rq`.
std::string variant_key(const request& rq, const std::vector<std::string>& selecting);

// The finished entry; exactly one of `small` and `content` holds the content.
entry_ptr make_entry(const storable& s, const request& rq, milliseconds delta, std::string_view small, body_ptr content,
                     const process_context& p);

// The stored answer `old` as updated by a 304 (RFC 9111 §4.3.4), sharing its content. No entry when the 304 confirms something
// else than what is stored: then nothing may be updated.
struct updated_entry {
    entry_ptr made;
    std::vector<std::string> selecting;     // by the updated Vary
};
updated_entry make_updated(const entry& old, const request& rq, const response_head& not_modified, const fetch_times& when,
                       sequence stamp, milliseconds delta, const process_context& p);

// Puts the entry into L1 and L2 (not awaited), with the descriptor of its variants when it varies. False: an invalidation
// of one of its scopes came while the fetch was under way, nothing is stored (the fence).
bool keep(entry_ptr e, const std::vector<std::string>& selecting, const request& rq, worker_context& cx);

// An entry that came from L2 goes to L1; it is asked of L2 again after promote_ttl. False: as keep().
bool promote(const entry_ptr& e, worker_context& cx, instant now);

// An unsafe request succeeded: everything stored for its target is gone, here and in L2 (RFC 9111 §4.4).
void invalidate_target(const request& rq, worker_context& cx);

}  // namespace tiercel::flow
