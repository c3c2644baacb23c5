#include "events/poll_source.hpp"

#include <tiercel/cache_key.hpp>

#include <algorithm>
#include <charconv>
#include <chrono>
#include <memory>
#include <unordered_set>
#include <utility>

namespace tiercel::events {
namespace {

using namespace std::chrono_literals;
using async::task;
using redis::reply;

constexpr milliseconds longest_patience = 5min;   // whatever the feed says of coming again
constexpr std::chrono::microseconds most_ahead = 1h;   // of the clock of the feed: a later stamp is a slip

milliseconds lease_for(milliseconds interval) { return std::clamp<milliseconds>(3 * interval, 3s, 30s); }

std::string hash_of(const std::string& text) { return hex(stable_hash(text)); }

std::int64_t micros_of(wall_time t) { return std::chrono::duration_cast<std::chrono::microseconds>(t.time_since_epoch()).count(); }

// Milliseconds since 1970, of this age; nothing: it is none.
std::optional<milliseconds> time_in(std::string_view text) noexcept
{
    constexpr std::int64_t latest = 1'000'000'000'000'000;
    std::int64_t ms = 0;
    const auto [end, ec] = std::from_chars(text.data(), text.data() + text.size(), ms);
    return ec == std::errc() && end == text.data() + text.size() && ms >= 0 && ms <= latest ? std::optional(milliseconds(ms)) : std::nullopt;
}

// Null: it has no name. REQUIRES: else there is one of that name (which was checked when the configuration was loaded).
const known_origin* origin_named(const std::string& name, const intake_options& o) { return name.empty() ? nullptr : &o.origins.at(name); }

constexpr std::size_t most_pages = 1'000;         // in a row that lead no further

// The way from page to page. No target is asked for twice on it, and not many without moving the cursor, so that a feed that leads in
// circles, knows nothing of cursors or makes up ever new pages cannot keep us busy.
class page_walk {
public:
    explicit page_walk(std::string first) : target_(std::move(first)) {}
    const std::string& target() const noexcept { return target_; }
    void note_page(bool moves) noexcept { in_vain_ = moves ? 0 : in_vain_ + 1; }
    bool leads_nowhere() const noexcept { return in_vain_ >= most_pages; }
    // False: has been there.
    bool go_to(std::string target)
    {
        been_.insert(std::exchange(target_, std::move(target)));
        return !been_.contains(target_);
    }

private:
    std::string target_;
    std::unordered_set<std::string> been_;
    std::size_t in_vain_ = 0;
};

// It holds something that came after that moment, of which the feed tells the second.
bool is_after(const feed_page& page, std::int64_t micros)
{
    return std::any_of(page.events.begin(), page.events.end(), [&](const feed_event& e) { return e.time && *e.time >= micros + 1'000'000; });
}

}  // namespace

poll_source::poll_source(const source_means& m, std::size_t at)
    : source(m, at), credentials_(m.loop, options().auth, origin_named(options().auth.origin, m.options), m.process.time, options().timeout),
      call_(m.loop, *origin_named(options().origin, m.options), m.process.time),
      lease_(m.client, m.options.prefix + ":poller:" + options().label, lease_for(options().interval)),
      cursor_name_(m.options.prefix + ":cursor:" + options().label),
      asked_name_(m.options.prefix + ":asked:" + options().label), wake_(m.loop.context(), m.loop.wheel())
{
}

void poll_source::start()
{
    means_.beside.spawn(hold_lease());
    means_.beside.spawn(follow());
}

task<> poll_source::stop()
{
    call_.abort();
    credentials_.abort();
    co_await lease_.release();
}

std::string poll_source::target_from(const std::string& cursor) const
{
    const source_options& o = options();
    const std::string_view usual = o.cursor == feed_cursor::id ? "lastEventId" : "since";
    return feed_target(o.path, o.parameter.empty() ? usual : std::string_view(o.parameter), cursor);
}

// ---- one instance at a time

task<> poll_source::hold_lease()
{
    const milliseconds third = lease_for(options().interval) / 3;
    bool goes_on = true;
    while (goes_on) {
        const bool held = lease_.is_held();
        const lease::renewal got = co_await lease_.renew();
        const bool is_starting = means_.client.current() == redis::state::connecting;   // nothing to worry about
        if (lease_.is_held() && !held) {
            is_current_ = false;
            means_.board.note_standby(at_, false);
            wake_.set();
        } else if (got != lease::renewal::done && !lease_.is_held() && !is_starting) {
            note(false, lease_.problem());
        } else if (got == lease::renewal::done && !lease_.is_held()) {
            co_await stand_by();
        }
        const milliseconds again = got == lease::renewal::unanswered ? milliseconds(100) : options().interval;
        goes_on = co_await means_.beside.pause(lease_.is_held() ? third : std::min(third, again));
    }
}

// Somebody else reads. How far is known here, too, should Redis lose it, and the reader with it.
task<> poll_source::stand_by()
{
    means_.board.note_standby(at_, true);
    redis::command c{"GET", cursor_name_};
    const result<reply> r = co_await means_.client.call(redis::lane::read, std::move(c));
    if (r && r->is_bulk() && !lease_.is_held()) {
        if (cursor_ != r->text) { ended_.clear(); }
        cursor_ = r->text;
        means_.board.note_cursor(at_, r->text);
    }
    co_await hear_known();
}

task<> poll_source::follow()
{
    bool goes_on = true;
    while (goes_on) {
        if (lease_.is_held()) {
            patience_ = options().interval;
            co_await look();
        }
        wake_.reset();
        goes_on = co_await means_.beside.wait(wake_, lease_.is_held() ? patience_ : lease_for(options().interval));
    }
}

// ---- reading

// For those that stand by, and for whoever reads next: when the feed was asked, by the clock of Redis.
void poll_source::tell_known(instant asked)
{
    means_.lag.know_until(at_, asked);
    const auto ahead = means_.client.shared_minus_local();
    if (!ahead || !means_.runner.is_logged()) { return; }   // or it holds here alone
    const std::string at = std::to_string((asked.time_since_epoch() + *ahead).count());
    redis::command c{"SET", asked_name_, at, "PX", "86400000"};
    means_.client.send(redis::lane::write, std::move(c), [](const result<reply>&) {});
}

// What the last one to read has told.
task<> poll_source::hear_known()
{
    redis::command when{"GET", asked_name_};
    const result<reply> r = co_await means_.client.call(redis::lane::read, std::move(when));
    const auto ahead = means_.client.shared_minus_local();
    const std::optional<milliseconds> asked = r && r->is_bulk() ? time_in(r->text) : std::nullopt;
    if (asked && ahead) { means_.lag.know_at_least_until(at_, std::min(means_.process.time.now(), instant(*asked - *ahead))); }
}

// Everything there is now.
task<> poll_source::look()
{
    term_ = lease_.current();
    const bool known = co_await find_cursor();
    if (!known) { co_return; }
    const instant asked = means_.process.time.now();
    const std::optional<std::int64_t> skipping_nothing;
    const walk_end how = co_await read_on(skipping_nothing);
    if (how == walk_end::reached) {
        note(true, {});
        tell_known(asked);
    }
    if (how != walk_end::unknown_cursor) { co_return; }
    std::string gap = "the feed does not know " + *cursor_ + " any more";
    co_await begin_now(std::move(gap));
}

// Where the last one to read has come to.
task<bool> poll_source::find_cursor()
{
    if (is_current_ && cursor_) { co_return true; }
    co_await hear_known();
    redis::command c{"GET", cursor_name_};
    const result<reply> r = co_await means_.client.call(redis::lane::read, std::move(c));
    if (!r || r->is_error()) {
        fail("Redis does not tell the cursor");
        co_return false;
    }
    if (r->is_bulk()) {
        if (cursor_ != r->text) { ended_.clear(); }
        cursor_ = r->text;
        means_.board.note_cursor(at_, *cursor_);
        is_current_ = true;
        co_return true;
    }
    // Redis may have lost it; what we have read was before that.
    if (cursor_) {
        is_current_ = co_await move_to(*cursor_);
    } else {
        std::string no_gap;
        is_current_ = co_await begin_now(std::move(no_gap));
    }
    co_return is_current_;
}

// Finds the end of the feed as it is now. `gap`: why what lies before is lost; empty: this is the first start.
task<bool> poll_source::begin_now(std::string gap)
{
    const std::int64_t now = micros_of(means_.process.time.wall());
    const std::optional<std::string> before = cursor_;
    ended_.clear();
    walk_end how = walk_end::broken_off;
    if (options().cursor == feed_cursor::id) {
        cursor_ = std::string();
        how = co_await read_on(now);
    } else {
        // The clock of the feed counts. What it has from then on is read in a moment.
        cursor_ = stamp_of(now);
        const answer a = co_await ask(target_from(*cursor_));
        if (a.date) { cursor_ = stamp_of(std::min(now, *a.date * 1'000'000)); }
        if (a.what == answer::kind::page || a.what == answer::kind::unchanged) { how = walk_end::reached; }
        if (a.what == answer::kind::unknown_cursor) { how = walk_end::unknown_cursor; }
    }
    std::string found = *std::exchange(cursor_, before);
    if (how == walk_end::unknown_cursor) { fail("the feed is not there"); }
    if (how != walk_end::reached) { co_return false; }
    if (!gap.empty()) {
        const bool bridged = co_await bridge_gap(std::move(gap));
        if (!bridged) { co_return false; }
    }
    const bool moved = co_await move_to(std::move(found));
    co_return moved;
}

// From the cursor to the end of the feed. With `skipping_before` what is older than that, or has no time, has no effect, and the cursor
// moves here alone: if it is not reached, nothing was.
task<poll_source::walk_end> poll_source::read_on(std::optional<std::int64_t> skipping_before)
{
    page_walk walk(target_from(*cursor_));
    bool by_cursor = !cursor_->empty();
    std::optional<std::int64_t> began;   // by the clock of the feed: what it held then is what is to be read
    while (lease_.is_held(term_) && !means_.beside.is_ending()) {
        answer a = co_await ask(walk.target());
        if (a.what == answer::kind::unknown_cursor && by_cursor) { co_return walk_end::unknown_cursor; }
        if (a.what == answer::kind::unknown_cursor) { fail("the page is not there"); }
        if (a.what == answer::kind::unchanged) { co_return walk_end::reached; }
        if (a.what != answer::kind::page) { co_return walk_end::broken_off; }
        const std::int64_t now = a.date ? *a.date * 1'000'000 : micros_of(means_.process.time.wall());
        if (!began) { began = now; }
        std::string to = moved_cursor(options().cursor, *cursor_, a.page, now + most_ahead.count());
        const bool moves = to != *cursor_;
        const bool carried = co_await carry_out(wanted(a.page, skipping_before));
        if (!carried) { co_return walk_end::broken_off; }
        if (skipping_before) {
            cursor_ = std::move(to);
        } else if (moves) {
            const bool moved = co_await move_to(std::move(to));
            if (!moved) { co_return walk_end::broken_off; }
        }
        remember(a.page, moves);
        walk.note_page(moves);
        if (walk.leads_nowhere()) {
            fail("its pages do not end");
            co_return walk_end::broken_off;
        }
        if (a.next && a.next->empty()) {
            fail("the next page lies on another server");
            co_return walk_end::broken_off;
        }
        if (!a.next && (!moves || is_after(a.page, *began))) { co_return walk_end::reached; }
        by_cursor = !a.next;
        const bool has_been_there = !walk.go_to(a.next ? *a.next : target_from(*cursor_));
        if (has_been_there && by_cursor) { co_return walk_end::reached; }
        if (has_been_there) {
            fail("its pages lead in a circle");
            co_return walk_end::broken_off;
        }
    }
    co_return walk_end::broken_off;
}

std::vector<feed_event> poll_source::wanted(const feed_page& page, std::optional<std::int64_t> skipping_before) const
{
    std::vector<feed_event> out;
    for (const feed_event& e : page.events) {
        const bool is_old = skipping_before && (!e.time || *e.time < *skipping_before);
        if (!is_old && !ended_.contains(hash_of(e.text))) { out.push_back(e); }
    }
    return out;
}

// What is read again every time, because the cursor does not pass it, shall not be taken for new every time.
void poll_source::remember(const feed_page& page, bool moved)
{
    if (moved || ended_.size() > most_events_on_page) { ended_.clear(); }
    for (const feed_event& e : page.events) { ended_.insert(hash_of(e.text)); }
}

// True: all of them have ended.
task<bool> poll_source::carry_out(std::vector<feed_event> events)
{
    // May outlive this coroutine.
    struct tally {
        std::size_t open = 0;
        async::event* none_open = nullptr;
    };
    async::event none_open(means_.loop.context(), means_.loop.wheel());
    const auto t = std::make_shared<tally>();
    t->none_open = &none_open;
    bool goes_on = true;
    for (feed_event& e : events) {
        while (goes_on && (means_.runner.is_full() || !means_.runner.try_reserve())) {
            goes_on = co_await means_.beside.pause(20ms);   // the feed keeps the rest
        }
        if (!goes_on) { break; }
        auto j = std::make_shared<job>();
        j->text = std::move(e.text);
        j->source = at_;
        j->done = [t](event_result, const std::string&) {
            if (--t->open == 0 && t->none_open != nullptr) { t->none_open->set(); }
        };
        ++t->open;
        means_.runner.attempt(j);
    }
    while (goes_on && t->open != 0) {
        none_open.reset();
        goes_on = co_await means_.beside.wait(none_open, 1h);
    }
    t->none_open = nullptr;
    co_return goes_on;
}

// True: it is written down.
task<bool> poll_source::move_to(std::string cursor)
{
    bool goes_on = true;
    while (goes_on && lease_.is_held(term_)) {
        const lease::setting s = co_await lease_.set(term_, cursor_name_, cursor);
        if (s.kept) {
            means_.board.note_cursor(at_, cursor);
            cursor_ = std::move(cursor);
            co_return true;
        }
        if (s.lost) { break; }
        goes_on = co_await means_.beside.pause(200ms);
    }
    co_return false;
}

// ---- one request

// With what we have to show; once more, with something newer, if that is refused.
task<origin_answer> poll_source::get(std::string target)
{
    for (bool is_first = true;; is_first = false) {
        feed_credentials::given shown = co_await credentials_.give();
        if (!shown.problem.empty()) {
            origin_answer none;
            none.problem = std::move(shown.problem);
            co_return none;
        }
        origin_request rq;
        rq.target = target;
        rq.fields = "Accept: application/cloudevents-batch+json, application/json;q=0.9\r\n" + shown.fields;
        rq.timeout = options().timeout;
        rq.most = options().max_page;
        origin_answer got = co_await call_.ask(std::move(rq));
        const bool may_try_again = got.problem.empty() && got.status == 401 && credentials_.refused() && is_first;
        if (got.problem.empty() && got.status != 401) { credentials_.accepted(); }
        if (!may_try_again) { co_return got; }
    }
}

task<poll_source::answer> poll_source::ask(std::string target)
{
    const source_options& o = options();
    const origin_answer got = co_await get(target);
    answer out;
    out.date = got.date;
    if (!got.problem.empty()) {
        fail(got.problem);
    } else if (got.status == 204 || got.status == 304) {
        out.what = answer::kind::unchanged;
    } else if (got.status == 404 || got.status == 410) {
        out.what = answer::kind::unknown_cursor;
    } else if (got.status != 200) {
        fail("the feed answers " + std::to_string(got.status), got.retry_after.value_or(seconds(0)));
    } else {
        out.page = read_feed_page(got.content, o.cursor);
        out.next = next_target(got.links, call_.authority(), target);
        out.what = out.page.problem.empty() ? answer::kind::page : answer::kind::failed;
        if (!out.page.problem.empty()) { fail(out.page.problem); }
    }
    co_return out;
}

// Read again after the interval, or when the feed says.
void poll_source::fail(std::string_view why, seconds come_again)
{
    if (means_.beside.is_ending()) { return; }
    patience_ = std::clamp<milliseconds>(come_again, options().interval, std::max(options().interval, longest_patience));
    note(false, why);
}

}  // namespace tiercel::events
