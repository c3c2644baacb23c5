#pragma once

// Lets events of equal effect that come close together share appends to the log of invalidations (invalidation.coalesce). The first
// goes at once. Those that come while a window is open after that wait for its end and share one append, which opens the next
// window. None joins an append that was sent before it came: it may tell of a change that whatever was fetched after that append
// does not know. Thread: the loop's.

#include "async/loop.hpp"
#include "coherence/invalidation.hpp"
#include "events/background.hpp"
#include "flow/context.hpp"

#include <tiercel/cache_key.hpp>
#include <tiercel/clock.hpp>

#include <atomic>
#include <deque>
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <utility>
#include <vector>

namespace tiercel::events {

struct order_end {
    enum class as : std::uint8_t {
        applied,
        coalesced,     // with one that was applied
        duplicate,
        refused,
    };
    as what = as::refused;
    bool waits = false;                    // applied or coalesced: here, and Redis does not know of it yet
};

class gathering {
public:
    using end_handler = std::function<void(order_end)>;

    // `length`: of a window; zero: each order goes by itself. References outlive this.
    gathering(async::loop& l, background& beside, flow::process_context& p, milliseconds length);

    // `done` is called when an append that was sent afterwards has ended. It holds here by then, unless it is refused.
    void submit(coherence::invalidation order, end_handler done);
    // Thread: any. For a while no append has ended, though some are under way: what goes now may have to wait in the journal.
    bool is_late() const noexcept;

private:
    struct window {
        std::optional<coherence::invalidation> order;   // that is sent when it ends, with the events that share it
        std::vector<end_handler> waiting;
    };
    // One that goes when there are few enough under way.
    struct queued {
        coherence::invalidation order;
        std::vector<end_handler> waiting;
    };
    using effect_name = std::pair<std::uint64_t, std::uint64_t>;
    static effect_name name_of(const coherence::invalidation& order);

    void send(coherence::invalidation order, std::vector<end_handler> waiting);
    void send(window& w);
    void send_queued();
    void note_progress() noexcept;
    void open(const effect_name& name);
    async::task<> close_windows();

    async::loop& loop_;
    background& beside_;
    flow::process_context& process_;
    const milliseconds length_;
    std::map<effect_name, window> windows_;
    std::deque<std::pair<async::steady::time_point, effect_name>> ends_;   // of the windows, in order
    bool closing_ = false;                 // somebody sees to the ends
    std::deque<queued> queue_;
    std::size_t under_way_ = 0;
    std::atomic<async::steady::rep> none_ended_since_{0};   // 0: none is under way
};

}  // namespace tiercel::events
