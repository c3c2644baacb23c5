#pragma once

// What one client got alone and may still be good for everybody else: judged by its head, and collected on its way through.

#include "flow/context.hpp"
#include "flow/decision.hpp"
#include "flow/fill_budget.hpp"
#include "flow/keep.hpp"
#include "flow/request.hpp"
#include "http/range.hpp"
#include "origin/exchange.hpp"

#include <optional>
#include <string>
#include <string_view>

namespace tiercel::flow {

struct relayed_verdict {
    std::optional<storable> what;
    std::optional<content_range> part;     // of a 206
    detail refused = detail::none;         // the rule that forbids it
};

// `asked`: the Range that went to the origin, empty if none. What the answer replaces without being kept goes (RFC 9111 §4.3.3).
relayed_verdict judge_relayed(const request& rq, const origin::exchange& ex, std::string_view asked, const decision& d,
                              sequence stamp, worker_context& cx);

// The answer to a POST that a later GET may have, if it says for how long (RFC 9110 §9.3.3). The POST has invalidated what was
// there, so it is stamped anew.
std::optional<storable> storable_for_gets(const request& get, const origin::exchange& ex, const process_context& p);

// Collects an answer's content on its way to one client. Stored when it is complete and before the client has the last of it:
// whoever has heard of the answer finds it.
class keeping {
public:
    // `known`: as in keep(). All references outlive this.
    keeping(storable what, entry_ptr known, const request& rq, const origin::exchange& ex, worker_context& cx);
    // It is a 206 to that Range.
    void be_part(const content_range& says, std::string_view asked);
    // The next run; the last one when the exchange is complete.
    void add(std::string_view run);

    // Why it is not stored, or is not going to be: none as far as is known.
    detail refused() const noexcept { return refused_; }
    // How long it is fresh from its arrival on.
    seconds lifetime() const noexcept;

private:
    void give_up(detail why);
    void store();

    storable what_;
    std::optional<content_range> part_;
    std::string asked_;
    entry_ptr known_;
    body_ptr content_;             // null: over
    detail refused_ = detail::none;
    fill_budget budget_;
    const request& rq_;
    const origin::exchange& ex_;
    worker_context& cx_;
};

}  // namespace tiercel::flow
