#include "events/stream_source.hpp"

#include "coherence/log_scripts.hpp"
#include "events/stream_group.hpp"
#include "redis/backoff.hpp"

#include <algorithm>
#include <charconv>
#include <chrono>
#include <span>

namespace tiercel::events {
namespace {

using namespace std::chrono_literals;
using async::steady;
using async::task;
using redis::reply;

constexpr std::size_t most_under_way = 4'096;   // of one stream: more would only wait for Redis here instead of there

constexpr std::string_view group = consumer_group;
constexpr std::size_t most_at_once = 512;

// When an entry was added, since 1970, by the clock of Redis, which has put it into the id. Nothing: the id is of whoever added the entry,
// and no time: earlier than there were streams, or later than now.
std::optional<milliseconds> time_in(std::string_view id, std::chrono::microseconds now) noexcept
{
    constexpr std::int64_t first_streams = 1'500'000'000'000;   // 2017
    std::int64_t ms = 0;
    const auto [end, ec] = std::from_chars(id.data(), id.data() + id.size(), ms);
    const bool is_time = ec == std::errc() && end != id.data() + id.size() && *end == '-' && ms >= first_streams && ms <= now.count() / 1'000;
    return is_time ? std::optional(milliseconds(ms)) : std::nullopt;
}

std::string field_of(const reply& fields, std::string_view name)
{
    for (std::size_t i = 0; i + 1 < fields.items.size(); i += 2) {
        if (fields.items[i].text == name) { return fields.items[i + 1].text; }
    }
    return {};
}

redis::command acknowledgement(const std::string& stream, const std::vector<std::string>& ids)
{
    std::vector<std::string_view> words{"XACK", stream, group};
    words.insert(words.end(), ids.begin(), ids.end());
    return redis::command(std::span<const std::string_view>(words));
}

}  // namespace

task<> stream_source::stop()
{
    if (link_) { link_->close(errc::draining, "stopping"); }
    co_return;
}

task<> stream_source::conclude()
{
    if (done_.empty()) { co_return; }
    redis::command c = acknowledgement(options().stream, done_);
    co_await means_.client.call(redis::lane::write, std::move(c));
}

task<> stream_source::consume()
{
    unsigned failures = 0;
    while (!means_.beside.is_ending()) {
        link_ = std::make_unique<redis::connection>(means_.loop, means_.redis, closing_);
        const result<void> opened = co_await link_->open();
        if (opened && !means_.beside.is_ending()) {
            const auto since = steady::now();
            co_await read();
            if (steady::now() - since > 1s) { failures = 0; }
        }
        link_->close(errc::redis_down, "given up");
        const std::string why = link_->problem();
        co_await link_->drained();
        if (means_.beside.is_ending()) { break; }
        note(false, why);
        const double r = std::generate_canonical<double, 24>(random_);
        co_await means_.beside.pause(redis::full_jitter(failures++, 50ms, 1000ms, r));
    }
}

// Until the connection is lost, or stop().
task<> stream_source::read()
{
    const std::string name = options().stream;
    const bool is_known = !under_way_.empty() || !means_.board.cursor_of(at_).empty();
    redis::command create = create_group(name, run_name_, is_known);
    const result<reply> made = co_await link_->call(std::move(create), means_.options.redis_timeout);
    if (!made || (made->is_error() && made->error_code() != "BUSYGROUP")) {
        if (made) { link_->close(errc::redis_reply, made->text); }
        co_return;
    }
    note(true, {});
    if (!made->is_error() && (is_known || made->integer == 1)) {
        const bool bridged = co_await bridge_gap("the group of the stream was gone");
        if (!bridged) { co_return; }
    }
    const bool seen_to = co_await see_to_losses();
    if (!seen_to) { co_return; }
    // What this consumer has read before the connection was lost, then what is new.
    std::size_t entries = 1;
    std::string own = "0";
    while (entries != 0 && !own.empty() && !means_.beside.is_ending()) {
        const bool good = co_await read_entries(own, entries);
        if (!good) { co_return; }
        own = means_.board.cursor_of(at_);
        if (means_.runner.is_full()) { break; }
    }
    auto next_claim = steady::now();
    bool is_behind = false;   // the stream may be trimmed faster than it is read
    while (!means_.beside.is_ending() && link_->is_open()) {
        if (steady::now() >= next_claim) {
            const bool good = co_await claim();
            if (!good) { co_return; }
            next_claim = steady::now() + means_.options.claim_idle / 3;
        }
        if (means_.runner.is_full() || under_way_.size() >= most_under_way + done_.size()) {
            const bool told = co_await acknowledge();
            if (!told) { co_return; }
            co_await means_.beside.pause(5ms);   // the stream keeps what is not read yet
            is_behind = true;
            continue;
        }
        const bool told = co_await acknowledge();
        if (!told) { co_return; }
        if (is_behind) {   // after the reading it could not be told any more
            const bool noticed = co_await see_to_losses();
            if (!noticed) { co_return; }
        }
        const instant asked = means_.process.time.now();
        const bool good = co_await read_entries(">", entries);
        if (!good) { co_return; }
        if (entries != 0) {
            const bool noticed = co_await see_to_losses();
            if (!noticed) { co_return; }
        }
        is_behind = entries >= most_at_once;
        const bool looked = co_await look_at_lag(asked, !is_behind);
        if (!looked) { co_return; }
    }
}

// What was trimmed after somebody had been given it.
task<bool> stream_source::bridge_trimmed()
{
    if (trimmed_.empty()) { co_return true; }
    const bool bridged = co_await bridge_gap("entries were trimmed before they were carried out");
    if (!bridged) { co_return false; }
    for (const std::string& id : trimmed_) {
        means_.board.count(at_, event_result::dropped, "trimmed from the stream");
        done_.push_back(id);
    }
    trimmed_.clear();
    const bool told = co_await acknowledge();
    co_return told;
}

// And what was trimmed before that.
task<bool> stream_source::see_to_losses()
{
    const bool bridged_those = co_await bridge_trimmed();
    if (!bridged_those) { co_return false; }
    redis::command count = count_lost(options().stream, run_name_);
    const result<reply> counted = co_await link_->call(std::move(count), means_.options.redis_timeout);
    if (!counted) { co_return false; }
    const std::int64_t lost = lost_entries(*counted).value_or(0);   // whoever may not ask is not told
    if (lost == 0) { co_return true; }
    if (lost > 0) {
        const bool bridged = co_await bridge_gap(std::to_string(lost) + " entries were trimmed before they were read");
        if (!bridged) { co_return false; }
    }
    redis::command settle = settle_lost(options().stream, run_name_);
    const result<reply> settled = co_await link_->call(std::move(settle), means_.options.redis_timeout);
    co_return settled.has_value();
}

task<bool> stream_source::acknowledge()
{
    if (done_.empty()) { co_return true; }
    const std::vector<std::string> ids = done_;
    redis::command c = acknowledgement(options().stream, ids);
    const result<reply> r = co_await link_->call(std::move(c), means_.options.redis_timeout);
    if (!r || r->is_error()) { co_return false; }   // it is told again
    done_.erase(done_.begin(), done_.begin() + static_cast<std::ptrdiff_t>(ids.size()));
    for (const std::string& id : ids) { under_way_.erase(id); }
    co_return true;
}

// What nobody has acknowledged is not known to be carried out, whichever instance has it; what nobody has read yet is later than that.
task<bool> stream_source::look_at_lag(instant asked, bool is_all)
{
    redis::command pending{"XPENDING", options().stream, group};
    const result<reply> r = co_await link_->call(std::move(pending), means_.options.redis_timeout);
    if (!r) { co_return false; }
    if (r->items.size() != 4) { co_return true; }   // it may not ask: then it falls behind
    if (!r->items[1].is_bulk()) {   // none is left
        if (is_all && r->items[1].is_nil()) { means_.lag.know_until(at_, asked); }
        co_return true;
    }
    const instant before = means_.process.time.now();
    redis::command time{"TIME"};
    const result<reply> t = co_await link_->call(std::move(time), means_.options.redis_timeout);
    if (!t) { co_return false; }
    const auto now = coherence::read_time(*t);
    const std::optional<milliseconds> oldest = now ? time_in(r->items[1].text, *now) : std::nullopt;
    // Without a time no more is known than when none was left.
    if (oldest) { means_.lag.know_until(at_, std::min(asked, before - std::chrono::ceil<milliseconds>(*now - *oldest))); }
    co_return true;
}

task<bool> stream_source::read_entries(std::string from, std::size_t& entries)
{
    const std::string name = options().stream;
    const std::string most = std::to_string(most_at_once);
    entries = 0;
    redis::command c{"XREADGROUP", "GROUP", group, means_.options.node, "COUNT", most, "BLOCK", "250", "STREAMS", name, from};
    const result<reply> r = co_await link_->call(std::move(c), 2500ms);
    if (!r) { co_return false; }
    if (r->is_error()) {
        link_->close(errc::redis_reply, r->text);
        co_return false;
    }
    means_.board.note_contact(at_);
    if (r->is_nil()) { co_return true; }   // nothing new
    const bool is_of_stream = r->items.size() == 1 && r->items[0].items.size() == 2;
    if (is_of_stream) { entries = r->items[0].items[1].items.size(); }
    if (!is_of_stream || !take_entries(r->items[0].items[1])) {
        link_->close(errc::redis_reply, "malformed answer to XREADGROUP");
        co_return false;
    }
    co_return true;
}

task<bool> stream_source::claim()
{
    bool any = true;
    while (any && !means_.beside.is_ending() && !means_.runner.is_full()) {
        redis::command c = claim_left(options().stream, means_.options.node, means_.options.claim_idle);
        const result<reply> r = co_await link_->call(std::move(c), means_.options.redis_timeout);
        if (!r) { co_return false; }
        if (r->is_error() || r->items.size() != 2 || !take_entries(r->items[0])) {
            link_->close(errc::redis_reply, r->is_error() ? r->text : "malformed answer to the script that takes over entries");
            co_return false;
        }
        for (const reply& id : r->items[1].items) { trimmed_.push_back(id.text); }
        any = !r->items[0].items.empty() || !r->items[1].items.empty();
        const bool bridged = co_await bridge_trimmed();
        if (!bridged) { co_return false; }
    }
    const bool forgotten = co_await forget_dead_consumers();
    co_return forgotten;
}

// Each process is a consumer of its own. Who waits for what is new is not heard of meanwhile, so each makes itself heard here (by asking for
// what it has left after the last possible id), three times as often as anybody is given up. In one step, because with its consumer Redis
// forgets what that has not acknowledged.
task<bool> stream_source::forget_dead_consumers()
{
    static constexpr std::string_view script = R"lua(
redis.call('XREADGROUP', 'GROUP', ARGV[1], ARGV[3], 'COUNT', 1, 'STREAMS', KEYS[1], '18446744073709551615-0')
for _, c in ipairs(redis.call('XINFO', 'CONSUMERS', KEYS[1], ARGV[1])) do
  local of = {}
  for i = 1, #c, 2 do of[c[i]] = c[i + 1] end
  if of.pending == 0 and of.idle > tonumber(ARGV[2]) then redis.call('XGROUP', 'DELCONSUMER', KEYS[1], ARGV[1], of.name) end
end
return 1
)lua";
    const std::string idle = std::to_string(means_.options.claim_idle.count());
    redis::command c{"EVAL", script, "1", options().stream, group, idle, means_.options.node};
    const result<reply> r = co_await link_->call(std::move(c), means_.options.redis_timeout);
    co_return r.has_value();   // if it may not run scripts here, the names stay
}

// It took so long from when it was added, by the clock of Redis, until it was carried out.
void stream_source::note_lag_of(const std::string& id)
{
    const auto ahead = means_.client.shared_minus_local();
    if (!ahead) { return; }
    const milliseconds now = means_.process.time.now().time_since_epoch() + *ahead;
    const std::optional<milliseconds> added = time_in(id, now + 1s);   // what we know of that clock may be a little behind
    if (added) { means_.lag.note_event(at_, now - *added); }
}

// False: this is no list of entries.
bool stream_source::take_entries(const reply& entries)
{
    return entries.kind == reply::type::array &&
           std::all_of(entries.items.begin(), entries.items.end(), [&](const reply& one) { return take_entry(one); });
}

bool stream_source::take_entry(const reply& entry)
{
    if (entry.items.size() != 2 || !entry.items[0].is_bulk()) { return false; }
    const reply& fields = entry.items[1];
    if (!fields.is_nil() && (fields.kind != reply::type::array || fields.items.size() % 2 != 0)) { return false; }
    const std::string id = entry.items[0].text;
    means_.board.note_cursor(at_, id);
    if (!under_way_.insert(id).second) { return true; }
    if (fields.is_nil()) {
        trimmed_.push_back(id);
        return true;
    }
    auto j = std::make_shared<job>();
    j->text = field_of(fields, "event");
    j->source = at_;
    j->done = [this, id](event_result r, const std::string&) {
        done_.push_back(id);   // acknowledged before the next read
        if (r == event_result::applied || r == event_result::coalesced) { note_lag_of(id); }
    };
    means_.runner.reserve();
    means_.runner.attempt(j);
    return true;
}

}  // namespace tiercel::events
