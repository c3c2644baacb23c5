#pragma once

// What becomes of events while max_pending are under way already (invalidation.overload: coalesce). Of each only that is found out
// whose answers it is about, and all of that tenant is invalidated: once for as many events as have come, and again for those that
// come while that is being done. So what is kept does not grow with their number, and nothing that they mean is missed.

#include "async/loop.hpp"
#include "events/background.hpp"
#include "events/dead_letters.hpp"
#include "events/event.hpp"
#include "events/options.hpp"
#include "events/rules.hpp"
#include "events/source_board.hpp"
#include "flow/context.hpp"

#include <compare>
#include <cstddef>
#include <functional>
#include <map>
#include <mutex>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace tiercel::events {

// All of a tenant, or everything.
struct whole {
    bool everything = false;
    std::string tenant;                    // unless everything
    purge_mode mode = purge_mode::soft;    // hard if the event is: what is to be gone must not be served stale

    friend auto operator<=>(const whole&, const whole&) = default;
};

// One event, as far as it is looked at.
struct surplus_event {
    std::size_t source = 0;
    std::vector<whole> covers;             // together more than it names; none: it means nothing here
    event_result result = event_result::surplus;
    std::string problem{};                 // when nothing can be made of it
};

// Pure, as rules are. What a rule fails with may be mended later and the event be replayed, but not from here: then all of the event's
// tenant is meant. `only_tenant`: who sent it may act for that tenant alone, and nothing else is covered, whatever the event says.
surplus_event widen(const event& e, const std::vector<effect>& effects, const source_options& source, std::string_view only_tenant);

class surplus {
public:
    using ended_handler = std::function<void(const surplus_event&)>;

    // At most so many tenants are waited for at a time.
    static constexpr std::size_t most_wholes = 1'000;

    // References outlive this.
    surplus(async::loop& l, background& beside, source_board& board, const event_options& o, flow::process_context& p)
        : loop_(l), beside_(beside), board_(board), options_(o), process_(p)
    {
    }

    // Thread: any.
    surplus_event read(std::string_view text, std::size_t source, std::string_view only_tenant) const;
    // Thread: any. All of them or none; false: there are too many tenants among them and those before. `ended` is called on the loop
    // for each, when what covers it is in the log or waits for Redis here; never if the process stops before.
    bool try_take(const std::vector<surplus_event>& events, const ended_handler& ended);
    // Thread: the loop's. For those that cannot be sent again: with too many tenants, everything is invalidated.
    void take(surplus_event e);
    // Thread: any. When the oldest came of those of a source that are not covered yet; nothing: there are none.
    std::optional<instant> oldest_of(std::size_t source) const;

private:
    // Of one whole, what has come since the last order was sent.
    struct line {
        std::size_t events = 0;
        std::string source;                // of the first of them: its label
        std::map<std::size_t, instant> since;   // by source: when its first one came
        std::vector<std::function<void()>> told;
    };

    void add(const surplus_event& e, const whole& w, std::function<void()> told);
    line take_line(const whole& w);
    void settle(const line& l);
    coherence::invalidation order_for(const whole& w, const line& l) const;
    async::task<> carry_out(whole w);

    async::loop& loop_;
    background& beside_;
    source_board& board_;
    const event_options& options_;
    flow::process_context& process_;
    mutable std::mutex mutex_;             // of what follows
    std::map<whole, line> lines_;          // each with a carry_out() of its own
    std::multiset<std::pair<std::size_t, instant>> open_;   // what stands in the lines' `since`, and in that of those that are being carried out
};

}  // namespace tiercel::events
