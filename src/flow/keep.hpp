#pragma once

// From an origin's answer to a stored entry: keys of variants, scopes, the fence, both tiers.

#include "flow/context.hpp"
#include "flow/request.hpp"

#include <tiercel/entry.hpp>
#include <tiercel/rules.hpp>

#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace tiercel::flow {

// What is known about an answer when its head has been judged storable; content comes later.
struct storable {
    std::vector<std::string> selecting;     // lower-case names of Vary, sorted; empty: does not vary
    std::string head;                       // storable_head(), without framing
    int status = 200;
    storing_verdict verdict;                // times.delta still to be filled in
    std::string etag;
    std::optional<std::int64_t> last_modified;
    std::optional<std::int64_t> date;
    sequence stamp = 0;                     // validity when the fetch began
    std::vector<scope_hash> scopes;         // the URL's first
    detail flaw = detail::none;             // why it may not be stored after all; seen while it arrived
};

// REQUIRES: verdict.store.
storable make_storable(const request& rq, const response_head& rs, storing_verdict verdict, sequence stamp,
                       const fetch_times& when);

// The finished entry under that key, stored nowhere yet.
entry_ptr make_entry(const storable& s, std::string_view key, milliseconds delta, body_ptr content, const process_context& p);

// How an answer is tied to L2.
struct l2_ties {
    l2_ties(entry_ptr d, l2::fill_lease* l = nullptr) : descriptor(std::move(d)), lease(l) {}

    entry_ptr descriptor;                   // that L2 had for this resource, or null
    l2::fill_lease* lease;                  // what goes there goes under this one and ends it; null: just so
};

// What became of an answer.
struct kept {
    entry_ptr made{};                       // to answer with, stored or not; null: nothing was made
    detail refused = detail::none;          // why it was not stored
    std::vector<std::string> withheld{};     // names of fields of the 304 that are for the client that was forwarded alone

    bool stored() const noexcept { return made != nullptr && refused == detail::none; }
};

// Makes the entry and puts it into L1 and L2 (not awaited), with the descriptor of its variants when there are any. Not stored
// when an invalidation of one of its scopes came while the fetch was under way (the fence), or when it would be one variant too
// many. `rq`: the request whose answer this is; its fields select the variant. Exactly one of `small` and `content` holds the
// content.
kept keep(const storable& s, const request& rq, milliseconds delta, std::string_view small, body_ptr content,
          const l2_ties& ties, worker_context& cx);

// The stored answer `old` as updated by a 304 (RFC 9111 §4.3.4), sharing its content, kept like a new one. Nothing is made when
// the 304 confirms something else than what is stored: then nothing may be updated.
kept keep_updated(const entry_ptr& old, const request& rq, const response_head& not_modified, const fetch_times& when,
                  sequence stamp, milliseconds delta, const l2_ties& ties, worker_context& cx);

// The same by the 200 to a HEAD (RFC 9111 §4.3.5). If it disagrees with what is stored, that is stale from now on.
kept keep_updated_by_head(const entry_ptr& old, const request& rq, const response_head& ok, const fetch_times& when,
                          sequence stamp, milliseconds delta, const l2_ties& ties, worker_context& cx);

// Would the answer be one variant too many?
bool is_too_many(const storable& s, const request& rq, const entry_ptr& known, const process_context& p);

// An entry that came from L2 goes to L1; it is asked of L2 again after promote_ttl. False: the fence, as above.
bool promote(const entry_ptr& e, worker_context& cx, instant now);
// A descriptor likewise. What L1 knows under the same generation stays known.
void promote_descriptor(const entry_ptr& e, const request& rq, worker_context& cx);

// The answer that was validated or replaced goes, unless the new one, or its descriptor, has overwritten it already.
void discard_if_replaced(const entry& old, const kept& by, const request& rq, worker_context& cx);
// Something that an error may not take the place of (RFC 9111 §4.3.3).
inline bool is_good(const entry_ptr& stored) noexcept { return stored != nullptr && stored->status() < 500; }

// Removes this very answer from both tiers: another one has taken its place, or may not be kept.
void discard(const entry& e, const request& rq, worker_context& cx);

}  // namespace tiercel::flow
