#include "events/intake.hpp"

#include "flow/writes.hpp"
#include "redis/backoff.hpp"

#include <tiercel/cache_key.hpp>

#include <boost/asio/co_spawn.hpp>

#include <algorithm>
#include <array>
#include <chrono>
#include <exception>
#include <stdexcept>

namespace tiercel::events {
namespace {

using namespace std::chrono_literals;
using async::steady;
using async::task;
using redis::reply;

constexpr std::string_view group = "tiercel";
constexpr std::array<std::string_view, static_cast<std::size_t>(event_result::last_)> results{"applied",   "duplicate", "noop",
                                                                                              "unmatched", "failed",    "dead", "dropped"};

void rethrow(const std::exception_ptr& e)
{
    if (e) { std::rethrow_exception(e); }
}

std::string field_of(const reply& fields, std::string_view name)
{
    for (std::size_t i = 0; i + 1 < fields.items.size(); i += 2) {
        if (fields.items[i].text == name) { return fields.items[i + 1].text; }
    }
    return {};
}

std::optional<dead_letter> letter_of(const reply& entry)
{
    if (entry.items.size() != 2 || !entry.items[0].is_bulk() || entry.items[1].items.size() % 2 != 0) { return std::nullopt; }
    dead_letter out;
    out.id = entry.items[0].text;
    const reply& fields = entry.items[1];
    for (std::size_t i = 0; i + 1 < fields.items.size(); i += 2) { out.fields.emplace_back(fields.items[i].text, fields.items[i + 1].text); }
    return out;
}

// Names of events may be long and hold anything. Who speaks for one tenant only can neither know nor take the names of others.
// An effect is known by what it is and not by the place of its rule: a replay after the rules were mended finds the old places taken.
std::string mark_of(const event& e, const std::string& only_tenant, const coherence::invalidation& effect)
{
    const std::string whose = only_tenant.empty() ? std::string() : std::to_string(only_tenant.size()) + "!" + only_tenant;
    std::string text = whose + e.key() + "#";
    for (const scope_hash s : effect.scopes) { text += coherence::member_of(s, effect.mode); }
    return hex(stable_hash(text));
}

}  // namespace

std::string_view name_of(event_result r) noexcept { return r < event_result::last_ ? results[static_cast<std::size_t>(r)] : ""; }

intake::intake(intake_options o, flow::process_context& p, intake_observer& observer)
    : options_(std::move(o)), process_(p), observer_(observer), dead_name_(options_.prefix + ":dlq"), ticking_(loop_.context(), loop_.wheel()),
      random_(std::random_device{}())
{
    nobody_.label = "api";
    nobody_.kind = source_kind::webhook;
    nobody_.scope = source_scope::all;
    for (const source_options& s : options_.events.sources) { statuses_.push_back({s.label, s.kind == source_kind::webhook, {}, {}, {}}); }
    statuses_.push_back({nobody_.label, true, {}, {}, {}});
    if (options_.url.empty()) { return; }
    redis::parsed_server_url parsed = redis::parse_server_url(options_.url);
    if (!parsed.problem.empty()) { throw std::invalid_argument("cache.l2.url: " + parsed.problem); }
    how_.emplace();
    how_->address = std::move(parsed.address);
    if (!options_.user.empty()) { how_->address.user = options_.user; }
    if (!options_.password.empty()) { how_->address.password = options_.password; }
    how_->name = "tiercel-events";
    how_->stall_timeout = 3s;
    redis::client_options c;
    c.connection = *how_;
    c.timeout = options_.redis_timeout;
    client_ = std::make_unique<redis::client>(loop_, process_.time, c, [](redis::state, std::string_view) {});
}

intake::~intake() { stop(); }

const source_options& intake::source_at(std::size_t at) const noexcept
{
    return at < options_.events.sources.size() ? options_.events.sources[at] : nobody_;
}

std::optional<std::size_t> intake::webhook() const noexcept
{
    const auto& all = options_.events.sources;
    const auto found = std::find_if(all.begin(), all.end(), [](const source_options& s) { return s.kind == source_kind::webhook; });
    return found == all.end() ? std::nullopt : std::optional(static_cast<std::size_t>(found - all.begin()));
}

void intake::start()
{
    keep_running_.emplace(loop_.get_executor());
    if (client_) {
        client_->start();
        async::asio::co_spawn(loop_.context(), watch_dead(loop_.gate().try_enter()), rethrow);
    }
    for (std::size_t i = 0; how_ && i < options_.events.sources.size(); ++i) {
        const source_options& s = options_.events.sources[i];
        if (s.kind == source_kind::redis_stream) {
            streams_.push_back(std::make_unique<stream_source>());
            streams_.back()->at = i;
            async::asio::co_spawn(loop_.context(), consume(*streams_.back(), loop_.gate().try_enter()), rethrow);
        } else if (s.kind == source_kind::redis_pubsub) {
            redis::subscriber_options o;
            o.connection = *how_;
            o.channel = s.channel;
            channels_.push_back(std::make_unique<redis::subscriber>(
                loop_, std::move(o),
                [this, i](std::string_view message) { take_message(i, message); },
                [this, i](bool heard, std::string_view why) { note_source(i, heard, why); }));
            channels_.back()->start();
        }
    }
    thread_ = std::thread([this] { loop_.context().run(); });
}

void intake::stop()
{
    if (!thread_.joinable()) { return; }
    loop_.post([this] { async::asio::co_spawn(loop_.context(), stop_on_loop(), rethrow); });
    thread_.join();
}

task<> intake::stop_on_loop()
{
    stopping_ = true;
    for (const auto& s : streams_) {
        if (s->link) { s->link->close(errc::draining, "stopping"); }
    }
    for (async::event* e : pauses_) { e->set(); }
    ticking_.set();
    for (const auto& c : channels_) { co_await c->stop(); }
    async::event empty(loop_.context(), loop_.wheel());
    loop_.gate().close([&empty] { empty.set(); });
    co_await empty.wait_until(steady::now() + 1h);
    if (client_) { co_await client_->stop(); }
    keep_running_.reset();
}

// ---- one event

bool intake::submit(std::string text, std::size_t source, std::string only_tenant, done_handler done)
{
    if (pending_.fetch_add(1, std::memory_order_relaxed) >= options_.events.max_pending) {
        pending_.fetch_sub(1, std::memory_order_relaxed);
        return false;
    }
    auto j = std::make_shared<job>();
    j->text = std::move(text);
    j->source = source;
    j->only_tenant = std::move(only_tenant);
    j->done = std::move(done);
    loop_.post([this, j = std::move(j)] { attempt(j); });
    return true;
}

bool intake::is_only_about(std::string_view tenant, std::string_view text, std::size_t source) const
{
    const event_read read = read_event(text);
    if (!read.good) { return true; }   // about nothing
    if (read.good->tenant != tenant) { return false; }
    const std::vector<effect> all = effects_of(*read.good, source_at(source), options_.events.rules, tenant, process_);
    return std::none_of(all.begin(), all.end(), [](const effect& e) { return e.what == effect::kind::foreign; });
}

void intake::attempt(const job_ptr& j)
{
    ++j->attempts;
    if (!j->parsed) {
        event_read read = read_event(j->text);
        if (!read.good) {
            on_attempted(j, read.problem, true);
            return;
        }
        j->parsed = std::move(read.good);
    }
    std::vector<effect> effects = effects_of(*j->parsed, source_at(j->source), options_.events.rules, j->only_tenant, process_);
    if (effects.empty()) {
        finish(j, event_result::unmatched, {});
        return;
    }
    carry_out(j, std::move(effects));
}

// Every effect is tried, whatever becomes of the others.
void intake::carry_out(const job_ptr& j, std::vector<effect> effects)
{
    struct tally {
        std::size_t open = 1;   // this function itself
        std::string problem;
        bool hopeless = true;   // all that failed
    };
    const auto all = std::make_shared<tally>();
    const auto end_one = [this, j, all] {
        if (--all->open == 0) { on_attempted(j, all->problem, all->hopeless); }
    };
    for (std::size_t i = 0; i < effects.size(); ++i) {
        effect& e = effects[i];
        if (j->carried_out.contains(i)) { continue; }
        if (e.what == effect::kind::noop) {
            j->carried_out.insert(i);
            j->any_noop = true;
        } else if (e.what != effect::kind::invalidate) {
            all->problem = e.problem;
            all->hopeless = all->hopeless && e.what != effect::kind::failed;
        } else {
            ++all->open;
            e.order.event = mark_of(*j->parsed, j->only_tenant, e.order);
            flow::invalidate_everywhere(std::move(e.order), process_, [this, j, all, i, end_one](const coherence::receipt& r) {
                loop_.post([j, all, i, end_one, state = r.state] {
                    using enum coherence::append_state;
                    if (state == refused) {
                        all->problem = "too much waits for Redis";
                        all->hopeless = false;
                    } else {
                        j->carried_out.insert(i);
                        (state == duplicate ? j->any_duplicate : j->any_applied) = true;
                        j->any_waits = j->any_waits || state == pending;
                    }
                    end_one();
                });
            });
        }
    }
    end_one();
}

void intake::on_attempted(const job_ptr& j, const std::string& problem, bool hopeless)
{
    const bool can_come_again = source_at(j->source).kind == source_kind::redis_stream && !options_.has_journal;
    if (problem.empty() && j->any_waits && can_come_again) {
        if (async::drain_gate::pass pass = loop_.gate().try_enter()) {
            async::asio::co_spawn(loop_.context(), finish_when_logged(j, std::move(pass)), rethrow);
        }
    } else if (problem.empty()) {
        finish(j, j->any_applied ? event_result::applied : j->any_duplicate ? event_result::duplicate : event_result::noop, {});
    } else if (!hopeless && j->attempts <= options_.events.max_retries) {
        try_again(j, problem);
    } else {
        bury(j, problem);
    }
}

void intake::try_again(const job_ptr& j, const std::string& problem)
{
    count(j->source, event_result::failed, problem);
    const double r = std::generate_canonical<double, 24>(random_);
    const milliseconds how_long = redis::full_jitter(j->attempts - 1, options_.retry_base, options_.retry_cap, r);
    async::drain_gate::pass pass = loop_.gate().try_enter();
    if (!pass) { return; }   // not acknowledged: somebody else will
    async::asio::co_spawn(loop_.context(), wait_and_attempt(j, how_long, std::move(pass)), rethrow);
}

// False: stopping.
task<bool> intake::pause(milliseconds how_long)
{
    if (stopping_) { co_return false; }
    async::event over(loop_.context(), loop_.wheel());
    const auto place = pauses_.insert(pauses_.end(), &over);
    co_await over.wait_until(steady::now() + how_long);
    pauses_.erase(place);
    co_return !stopping_;
}

task<> intake::wait_and_attempt(job_ptr j, milliseconds how_long, async::drain_gate::pass)
{
    const bool goes_on = co_await pause(how_long);
    if (goes_on) { attempt(j); }
}

// It holds here, but nobody else knows of it, and if this process ended now nobody ever would.
task<> intake::finish_when_logged(job_ptr j, async::drain_gate::pass)
{
    while (process_.log != nullptr && process_.log->status().waiting != 0) {
        const bool goes_on = co_await pause(100ms);
        if (!goes_on) { co_return; }   // not acknowledged: it comes again
    }
    j->any_waits = false;
    on_attempted(j, {}, false);
}

void intake::bury(const job_ptr& j, const std::string& problem)
{
    if (!client_) {
        finish(j, event_result::dead, problem);
        return;
    }
    const auto now = std::chrono::floor<milliseconds>(process_.time.wall());
    const std::string label = source_at(j->source).label;
    const std::string attempts = std::to_string(j->attempts);
    const std::string at = std::to_string(now.time_since_epoch().count());
    const std::string most = std::to_string(options_.most_dead_letters);
    const std::string reason = problem.substr(0, problem.find(':'));
    redis::command c{"XADD",     dead_name_, "MAXLEN", "~",      most,       "*",    "event",       j->text, "source", label, "error",
                     problem,    "attempts", attempts, "failedAt", at, "node", options_.node, "reason", reason, "onlyTenant", j->only_tenant};
    client_->send(redis::lane::write, std::move(c), [this, j, problem](const result<reply>& r) {
        if (r && !r->is_error()) {
            dead_letters_.fetch_add(1, std::memory_order_relaxed);
            finish(j, event_result::dead, problem);
        } else if (!stopping_) {
            try_again(j, problem);   // it must lie somewhere before it is acknowledged
        }
    });
}

void intake::finish(const job_ptr& j, event_result r, const std::string& problem)
{
    count(j->source, r, problem);
    pending_.fetch_sub(1, std::memory_order_relaxed);
    if (j->done) { std::exchange(j->done, nullptr)(r, problem); }
}

void intake::count(std::size_t source, event_result r, std::string_view problem)
{
    {
        const std::lock_guard hold(mutex_);
        ++statuses_[std::min(source, statuses_.size() - 1)].results[std::string(name_of(r))];
    }
    observer_.on_event(source, r, problem);
}

void intake::note_source(std::size_t at, bool works, std::string_view why)
{
    {
        const std::lock_guard hold(mutex_);
        statuses_[at].works = works;
        statuses_[at].problem = works ? std::string() : std::string(why);
    }
    observer_.on_source(at, works, why);
}

std::vector<source_status> intake::sources() const
{
    const std::lock_guard hold(mutex_);
    return statuses_;
}

// ---- streams

task<> intake::consume(stream_source& s, async::drain_gate::pass)
{
    unsigned failures = 0;
    while (!stopping_) {
        s.link = std::make_unique<redis::connection>(loop_, *how_, closing_);
        const result<void> opened = co_await s.link->open();
        if (opened && !stopping_) {
            const auto since = steady::now();
            co_await read_stream(s);
            if (steady::now() - since > 1s) { failures = 0; }
        }
        s.link->close(errc::redis_down, "given up");
        const std::string why = s.link->problem();
        co_await s.link->drained();
        if (stopping_) { break; }
        note_source(s.at, false, why);
        const double r = std::generate_canonical<double, 24>(random_);
        co_await pause(redis::full_jitter(failures++, 50ms, 1000ms, r));
    }
}

// Until the connection is lost, or stop().
task<> intake::read_stream(stream_source& s)
{
    const std::string name = source_at(s.at).stream;
    // The first start is now; a group that was there and is gone begins with what there is.
    const std::string from = s.under_way.empty() && sources()[s.at].cursor.empty() ? "$" : "0";
    redis::command create{"XGROUP", "CREATE", name, group, from, "MKSTREAM"};
    const result<reply> made = co_await s.link->call(std::move(create), options_.redis_timeout);
    if (!made || (made->is_error() && made->error_code() != "BUSYGROUP")) {
        if (made) { s.link->close(errc::redis_reply, made->text); }
        co_return;
    }
    note_source(s.at, true, {});
    // What this consumer has read before the connection was lost, then what is new.
    bool more = true;
    std::string own = "0";
    while (more && !stopping_) {
        more = false;
        const bool good = co_await read_entries(s, own, more);
        if (!good) { co_return; }
        own = sources()[s.at].cursor;
        more = more && !own.empty();
        if (pending_.load() >= options_.events.max_pending) { break; }
    }
    auto next_claim = steady::now();
    while (!stopping_ && s.link->is_open()) {
        if (steady::now() >= next_claim) {
            const bool good = co_await claim(s);
            if (!good) { co_return; }
            next_claim = steady::now() + options_.claim_idle / 3;
        }
        if (pending_.load(std::memory_order_relaxed) >= options_.events.max_pending) {
            const bool told = co_await acknowledge(s);
            if (!told) { co_return; }
            co_await pause(20ms);   // the stream keeps what is not read yet
            continue;
        }
        bool any = false;
        const bool told = co_await acknowledge(s);
        if (!told) { co_return; }
        const bool good = co_await read_entries(s, ">", any);
        if (!good) { co_return; }
    }
}

task<bool> intake::acknowledge(stream_source& s)
{
    if (s.done.empty()) { co_return true; }
    const std::vector<std::string> ids = s.done;
    std::vector<std::string_view> words{"XACK", source_at(s.at).stream, group};
    words.insert(words.end(), ids.begin(), ids.end());
    redis::command c{std::span<const std::string_view>(words)};
    const result<reply> r = co_await s.link->call(std::move(c), options_.redis_timeout);
    if (!r || r->is_error()) { co_return false; }   // it is told again
    s.done.erase(s.done.begin(), s.done.begin() + static_cast<std::ptrdiff_t>(ids.size()));
    for (const std::string& id : ids) { s.under_way.erase(id); }
    co_return true;
}

task<bool> intake::read_entries(stream_source& s, std::string from, bool& any)
{
    const std::string name = source_at(s.at).stream;
    redis::command c{"XREADGROUP", "GROUP", group, options_.node, "COUNT", "512", "BLOCK", "250", "STREAMS", name, from};
    const result<reply> r = co_await s.link->call(std::move(c), 2500ms);
    if (!r) { co_return false; }
    if (r->is_error()) {
        s.link->close(errc::redis_reply, r->text);
        co_return false;
    }
    if (r->is_nil()) { co_return true; }   // nothing new
    const bool is_of_stream = r->items.size() == 1 && r->items[0].items.size() == 2;
    any = is_of_stream && !r->items[0].items[1].items.empty();
    if (!is_of_stream || !take_entries(s, r->items[0].items[1])) {
        s.link->close(errc::redis_reply, "malformed answer to XREADGROUP");
        co_return false;
    }
    co_return true;
}

task<bool> intake::claim(stream_source& s)
{
    const std::string name = source_at(s.at).stream;
    const std::string idle = std::to_string(options_.claim_idle.count());
    std::string from = "0-0";
    do {
        redis::command c{"XAUTOCLAIM", name, group, options_.node, idle, from, "COUNT", "512"};
        const result<reply> r = co_await s.link->call(std::move(c), options_.redis_timeout);
        if (!r) { co_return false; }
        if (r->is_error() || r->items.size() < 2 || !r->items[0].is_bulk() || !take_entries(s, r->items[1])) {
            s.link->close(errc::redis_reply, r->is_error() ? r->text : "malformed answer to XAUTOCLAIM");
            co_return false;
        }
        from = r->items[0].text;
    } while (from != "0-0" && !stopping_ && pending_.load(std::memory_order_relaxed) < options_.events.max_pending);
    const bool forgotten = co_await forget_dead_consumers(s);
    co_return forgotten;
}

// Each process is a consumer of its own. Who waits for what is new is not heard of meanwhile, so each makes itself heard here (by asking for
// what it has left after the last possible id), three times as often as anybody is given up. In one step, because with its consumer Redis
// forgets what that has not acknowledged.
task<bool> intake::forget_dead_consumers(stream_source& s)
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
    const std::string idle = std::to_string(options_.claim_idle.count());
    redis::command c{"EVAL", script, "1", source_at(s.at).stream, group, idle, options_.node};
    const result<reply> r = co_await s.link->call(std::move(c), options_.redis_timeout);
    co_return r.has_value();   // if it may not run scripts here, the names stay
}

// False: this is no list of entries.
bool intake::take_entries(stream_source& s, const reply& entries)
{
    return entries.kind == reply::type::array &&
           std::all_of(entries.items.begin(), entries.items.end(), [&](const reply& one) { return take_entry(s, one); });
}

bool intake::take_entry(stream_source& s, const reply& entry)
{
    if (entry.is_nil()) { return true; }   // of XAUTOCLAIM before Redis 7: deleted meanwhile
    if (entry.items.size() != 2 || !entry.items[0].is_bulk()) { return false; }
    const reply& fields = entry.items[1];
    if (!fields.is_nil() && (fields.kind != reply::type::array || fields.items.size() % 2 != 0)) { return false; }
    const std::string id = entry.items[0].text;
    {
        const std::lock_guard hold(mutex_);
        statuses_[s.at].cursor = id;
    }
    if (!s.under_way.insert(id).second) { return true; }
    if (fields.is_nil()) {   // delivered to somebody, and trimmed before it was carried out
        count(s.at, event_result::dropped, "trimmed from the stream");
        s.done.push_back(id);
        return true;
    }
    auto j = std::make_shared<job>();
    j->text = field_of(fields, "event");
    j->source = s.at;
    j->done = [this, &s, id](event_result, const std::string&) {
        s.done.push_back(id);   // acknowledged before the next read
    };
    pending_.fetch_add(1, std::memory_order_relaxed);
    attempt(j);
    return true;
}

// Nobody keeps what a channel has said: what is not taken now is lost.
void intake::take_message(std::size_t source, std::string_view message)
{
    if (!submit(std::string(message), source, {}, {})) { count(source, event_result::dropped, "too much is under way"); }
}

// ---- dead letters

task<> intake::watch_dead(async::drain_gate::pass)
{
    while (!stopping_) {
        redis::command c{"XLEN", dead_name_};
        if (!client_->refusal(redis::lane::read)) {
            const result<reply> r = co_await client_->call(redis::lane::read, std::move(c));
            if (r && r->kind == reply::type::integer) { dead_letters_.store(static_cast<std::size_t>(r->integer), std::memory_order_relaxed); }
        }
        ticking_.reset();
        if (stopping_) { break; }
        co_await ticking_.wait_until(steady::now() + 1s);
    }
}

void intake::list_dead(std::size_t n, answer_handler<std::vector<dead_letter>> done)
{
    loop_.post([this, n, done = std::move(done)] {
        if (!client_) {
            done(std::vector<dead_letter>());
            return;
        }
        redis::command c{"XREVRANGE", dead_name_, "+", "-", "COUNT", std::to_string(n)};
        client_->send(redis::lane::read, std::move(c), [done](const result<reply>& r) {
            if (!r || r->is_error()) {
                done(errc::redis_down);
                return;
            }
            std::vector<dead_letter> all;
            for (const reply& e : r->items) {
                std::optional<dead_letter> letter = letter_of(e);
                if (!letter) {
                    done(errc::redis_reply);
                    return;
                }
                all.push_back(std::move(*letter));
            }
            done(std::move(all));
        });
    });
}

void intake::replay(std::string id, done_handler done)
{
    loop_.post([this, id = std::move(id), done = std::move(done)] {
        if (!client_) {
            done(event_result::failed, "there are no dead letters without Redis");
            return;
        }
        redis::command c{"XRANGE", dead_name_, id, id};
        client_->send(redis::lane::read, std::move(c), [this, id, done](const result<reply>& r) {
            if (!r || r->is_error()) {
                done(event_result::failed, r ? "this is no id" : "Redis does not answer");
                return;
            }
            if (r->items.empty()) {
                done(event_result::unmatched, "not found");
                return;
            }
            const std::optional<dead_letter> letter = letter_of(r->items[0]);
            if (!letter) {
                done(event_result::failed, "Redis answers something else than an entry");
                return;
            }
            auto j = std::make_shared<job>();
            for (const auto& [name, value] : letter->fields) {
                if (name == "event") { j->text = value; }
                if (name == "onlyTenant") { j->only_tenant = value; }
                if (name == "source") {
                    const auto& all = options_.events.sources;
                    const auto at = std::find_if(all.begin(), all.end(), [&, &label = value](const source_options& s) { return s.label == label; });
                    j->source = static_cast<std::size_t>(at - all.begin());
                }
            }
            j->done = [this, id, done](event_result what, const std::string& problem) {
                if (what != event_result::dead) {
                    drop(id, [](result<bool>) {});
                } else {
                    dead_letters_.fetch_sub(1, std::memory_order_relaxed);
                    drop(id, [](result<bool>) {});   // there is a newer one, with what is wrong now
                }
                done(what, problem);
            };
            pending_.fetch_add(1, std::memory_order_relaxed);
            attempt(j);
        });
    });
}

void intake::drop(std::string id, answer_handler<bool> done)
{
    loop_.post([this, id = std::move(id), done = std::move(done)] {
        if (!client_) {
            done(false);
            return;
        }
        redis::command c{"XDEL", dead_name_, id};
        client_->send(redis::lane::write, std::move(c), [this, done](const result<reply>& r) {
            if (!r || r->is_error()) {
                done(errc::redis_down);
                return;
            }
            if (r->integer == 1 && dead_letters_.load() > 0) { dead_letters_.fetch_sub(1, std::memory_order_relaxed); }
            done(r->integer == 1);
        });
    });
}

}  // namespace tiercel::events
