#pragma once

// Events from a feed over HTTP that is asked every now and then (feed.hpp), by one instance at a time.
//
// How far the feed has been read lies in Redis, PREFIX:cursor:LABEL, for whoever goes on. It is written when every event of a page has
// ended, so a page that was begun and not ended is read again, by this instance or by the one that takes over: after the lease
// (PREFIX:poller:LABEL) has expired, which is three intervals, 3 s at least and 30 s at most. The first start is now: what the feed
// holds already has no effect.
//
// A feed that does not know the cursor any more (404, 410) has lost events: a gap.

#include "events/feed.hpp"
#include "events/feed_credentials.hpp"
#include "events/lease.hpp"
#include "events/origin_call.hpp"
#include "events/source.hpp"

#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <vector>

namespace tiercel::events {

class poll_source final : public source {
public:
    poll_source(const source_means& m, std::size_t at);

    void start() override;
    async::task<> stop() override;

private:
    // What came of one request.
    struct answer {
        enum class kind : std::uint8_t { page, unchanged, unknown_cursor, failed };
        kind what = kind::failed;
        feed_page page;
        std::optional<std::string> next;   // the target of the next page
        std::optional<std::int64_t> date;  // by the clock of the feed, seconds since 1970
    };
    // How reading on to the end has ended.
    enum class walk_end : std::uint8_t { reached, unknown_cursor, broken_off };

    async::task<> hold_lease();
    async::task<> stand_by();
    async::task<> follow();
    void tell_known(instant asked);
    async::task<> hear_known();
    async::task<> look();
    async::task<bool> find_cursor();
    async::task<bool> begin_now(std::string gap);
    async::task<walk_end> read_on(std::optional<std::int64_t> skipping_before);
    async::task<bool> carry_out(std::vector<feed_event> events);
    async::task<bool> move_to(std::string cursor);
    async::task<answer> ask(std::string target);
    async::task<origin_answer> get(std::string target);
    void fail(std::string_view why, seconds come_again = seconds(0));
    std::vector<feed_event> wanted(const feed_page& page, std::optional<std::int64_t> skipping_before) const;
    void remember(const feed_page& page, bool moved);
    std::string target_from(const std::string& cursor) const;

    feed_credentials credentials_;
    origin_call call_;
    lease lease_;
    const std::string cursor_name_;
    const std::string asked_name_;
    std::optional<std::string> cursor_;    // nothing: not known yet. Empty: the beginning of the feed
    lease::term term_ = 0;                 // in which the look at hand was begun
    bool is_current_ = false;              // cursor_ was looked up since the lease was taken
    std::set<std::string> ended_;          // hashes of events that lead no further than cursor_, and have ended
    milliseconds patience_{0};             // until the next look
    async::event wake_;                    // the lease was taken
};

}  // namespace tiercel::events
