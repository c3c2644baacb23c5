#pragma once

// What an unsafe request that succeeded means for what is stored (RFC 9111 §4.4, RFC 9110 §9.3.3, RFC 9875 §3).

#include "flow/context.hpp"
#include "flow/request.hpp"

#include <functional>
#include <list>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace tiercel::flow {

// A GET for the target of another request, or for what its answer refers to, as it would be routed and keyed here; with the
// fields of the other request that may select an answer or its kind. Refers to the other request.
class implied_get {
public:
    implied_get(const request& original, const canonical_target& target, const process_context& p);
    implied_get(const implied_get&) = delete;
    implied_get& operator=(const implied_get&) = delete;

    // False: no route serves it.
    bool is_served() const noexcept { return view_.route != nullptr; }
    const request& view() const noexcept { return view_; }
    // Leaves out what only the other request is about: content, credentials, conditions, and of its cookies all that are not in the
    // key. False: then it would not be for the same answer any more.
    bool keep_selecting_fields(const process_context& p);

private:
    void keep_keyed_cookies();

    std::vector<field> fields_;
    query_scratch query_;
    std::string key_;
    std::string cookies_;
    request view_;
};

// Holds here when this returns; the other instances learn of it by the log. `done` (may be empty) is called when it is in the
// log, on whatever thread, or inside this call when there is none.
void invalidate_everywhere(coherence::invalidation what, process_context& p, std::function<void(coherence::receipt)> done);

// The same, and what came of it; nothing if that is not known in time.
async::task<std::optional<coherence::receipt>> invalidate_and_wait(coherence::invalidation what, worker_context& cx,
                                                                   std::chrono::milliseconds limit);

// The request succeeded: what is stored for its target, for the Location and Content-Location of the answer if they are of the
// same origin, and for the groups that the answer names, is invalid from here on, in both tiers. Refetches the target if the
// route says so and L1 had an answer for it. Ends when the log has it, or after a moment. REQUIRES: what `rs` refers to stays until then.
async::task<> invalidate(const request& rq, const response_head& rs, worker_context& cx);

// Is the answer to a POST the state of its target, and thus good for a GET (RFC 9110 §9.3.3)? If so, the request that it
// answers; else null.
std::unique_ptr<implied_get> get_answered_by(const request& rq, const response_head& rs, const process_context& p);

}  // namespace tiercel::flow
