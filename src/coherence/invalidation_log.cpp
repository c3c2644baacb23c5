#include "coherence/invalidation_log.hpp"

#include "redis/backoff.hpp"

#include <tiercel/check.hpp>

#include <boost/asio/co_spawn.hpp>

#include <algorithm>
#include <exception>
#include <stdexcept>

namespace tiercel::coherence {
namespace {

using namespace std::chrono_literals;
using async::steady;
using async::task;
using redis::reply;
using std::chrono::microseconds;

constexpr milliseconds lost_after{1'000};        // without contact: what others share is not judged here any more
constexpr milliseconds longest_distrust{30'000}; // of memory after a standstill, when Redis cannot be asked
constexpr milliseconds told_every{1'000};
constexpr milliseconds node_is_live{3'000};      // heard of within
constexpr milliseconds node_is_forgotten{600'000};
constexpr sequence assumed_margin = 1'000'000;   // µs: how far our idea of Redis's clock may be wrong without it
constexpr std::size_t page = 10'000;
constexpr std::size_t most_at_once = 1'000;      // entries of one read

void rethrow(const std::exception_ptr& e)
{
    if (e) { std::rethrow_exception(e); }
}

std::string random_name()
{
    std::random_device entropy;
    static constexpr char digits[] = "0123456789abcdef";
    std::string out(16, '0');
    for (char& c : out) { c = digits[entropy() & 0xf]; }
    return out;
}

redis::connection_options connection_of(const log_options& o)
{
    redis::parsed_server_url parsed = redis::parse_server_url(o.url);
    if (!parsed.problem.empty()) { throw std::invalid_argument("cache.l2.url: " + parsed.problem); }
    redis::connection_options how;
    how.address = std::move(parsed.address);
    if (!o.user.empty()) { how.address.user = o.user; }
    if (!o.password.empty()) { how.address.password = o.password; }
    how.name = "tiercel-log";
    how.stall_timeout = std::max(how.stall_timeout, 5 * o.read_block);
    return how;
}

}  // namespace

invalidation_log::invalidation_log(log_options o, const clock& time, validity& valid, audit& rows, log_observer& observer)
    : options_(std::move(o)), time_(time), valid_(valid), audit_(rows), observer_(observer), names_(options_.prefix), node_(random_name()),
      how_(connection_of(options_)), closed_(loop_.context(), loop_.wheel()), pause_(loop_.context(), loop_.wheel()),
      ticking_(loop_.context(), loop_.wheel()), settled_(loop_.context(), loop_.wheel()), reader_observer_(closed_),
      journal_(options_.journal, options_.max_waiting), random_(std::random_device{}())
{
    redis::client_options c;
    c.connection = how_;
    c.timeout = options_.append_timeout;
    client_ = std::make_unique<redis::client>(loop_, time_, c, [](redis::state, std::string_view) {});
    status_.node = node_;
    status_.waiting = journal_.size();
    valid_.set_contact(contact::unread);
    valid_.know_until(time_.now());
    // What was accepted by a former process holds here, too; L1 is empty, and L2 waits until the log was read.
}

invalidation_log::~invalidation_log() { stop(); }

void invalidation_log::start()
{
    keep_running_.emplace(loop_.get_executor());
    client_->start();
    async::asio::co_spawn(loop_.context(), follow(loop_.gate().try_enter()), rethrow);
    async::asio::co_spawn(loop_.context(), tick(loop_.gate().try_enter()), rethrow);
    thread_ = std::thread([this] { loop_.context().run(); });
}

void invalidation_log::stop()
{
    if (!thread_.joinable()) { return; }
    loop_.post([this] { async::asio::co_spawn(loop_.context(), stop_on_loop(), rethrow); });
    thread_.join();
}

task<> invalidation_log::stop_on_loop()
{
    const auto limit = steady::now() + 500ms;
    while (under_way_ != 0 && steady::now() < limit) {
        settled_.reset();
        co_await settled_.wait_until(limit);
    }
    stopping_ = true;
    redis::command leave{"HDEL", names_.nodes, node_};
    if (!client_->refusal(redis::lane::write)) { co_await client_->call(redis::lane::write, std::move(leave)); }
    if (reader_) { reader_->close(errc::draining, "stopping"); }
    closed_.set();
    pause_.set();
    ticking_.set();
    async::event empty(loop_.context(), loop_.wheel());
    loop_.gate().close([&empty] { empty.set(); });
    co_await empty.wait_until(steady::now() + 1h);
    co_await client_->stop();
    keep_running_.reset();
}

// ---- state

std::optional<microseconds> invalidation_log::redis_now() const
{
    if (redis_time_.count() == 0) { return std::nullopt; }
    return redis_time_ + std::chrono::duration_cast<microseconds>(steady::now() - redis_time_at_);
}

bool invalidation_log::note_time(const reply& r)
{
    const std::optional<microseconds> now = read_time(r);
    if (!now) { return refuse("TIME"); }
    redis_time_ = *now;
    redis_time_at_ = steady::now();   // not before it was read there, so that our idea of it is never ahead
    return true;
}

// Nobody can say what else such a server has lost or made up: as if the connection had broken.
bool invalidation_log::refuse(std::string_view what)
{
    observer_.on_malformed(what);
    reader_->close(errc::redis_reply, "malformed answer: " + std::string(what));
    return false;
}

void invalidation_log::note_contact()
{
    last_contact_ = steady::now();
}

void invalidation_log::set_contact(contact c, std::string_view why)
{
    {
        const std::lock_guard hold(mutex_);
        if (status_.state == c && valid_.contact() == c) { return; }
        status_.state = c;
        status_.problem = c == contact::following ? std::string() : std::string(why);
    }
    valid_.set_contact(c);
    observer_.on_contact(c, why);
}

log_status invalidation_log::status() const
{
    const std::lock_guard hold(mutex_);
    return status_;
}

void invalidation_log::show()
{
    const std::lock_guard hold(mutex_);
    status_.applied = position_;
    status_.waiting = journal_.size();
    status_.under_way = under_way_;
    status_.scopes = valid_.size();
    const milliseconds silent = time_.now() - valid_.known_until();
    status_.lag = silent > 2 * options_.read_block ? std::max<microseconds>(silent, lag_) : lag_;
}

task<> invalidation_log::tick(async::drain_gate::pass)
{
    while (!stopping_) {
        ticking_.reset();
        co_await ticking_.wait_until(steady::now() + 200ms);
        if (stopping_) { break; }
        const auto silent = steady::now() - last_contact_;
        const bool resumed = valid_.contact() == contact::resumed;
        if (!resumed) { resumed_at_ = steady::now(); }
        const bool waits_in_vain = resumed && steady::now() - resumed_at_ > longest_distrust;
        if (position_ != 0 && silent > lost_after && (!resumed || waits_in_vain)) {
            set_contact(silent > options_.blind_after ? contact::blind : contact::lost, "no contact to Redis");
            // Nobody can have appended anything below what Redis's clock showed a second ago that a fetch from now on would not know
            // the effect of at its origin.
            const auto now = redis_now();
            const auto at = now ? static_cast<sequence>(now->count()) : 0;
            if (at > assumed_margin) { valid_.assume(at - assumed_margin); }
        }
        if (steady::now() - last_told_ >= told_every) { tell_applied(); }
        show();
    }
}

void invalidation_log::tell_applied()
{
    const auto now = redis_now();
    if (telling_ || !now || position_ == 0 || stopping_ || client_->refusal(redis::lane::write)) { return; }
    telling_ = true;
    last_told_ = steady::now();
    const sequence told = position_;
    client_->send(redis::lane::write, row_of_this_node(*now), [this, told](const result<reply>& r) {
        telling_ = false;
        if (r && told != position_) { tell_applied(); }   // it has moved meanwhile
    });
}

redis::command invalidation_log::row_of_this_node(microseconds now) const
{
    const std::string applied = std::to_string(position_) + " " + std::to_string(now.count());
    return {"HSET", names_.nodes, node_, applied};
}

// ---- reading

task<std::optional<reply>> invalidation_log::ask(redis::command c, milliseconds limit)
{
    result<reply> r = co_await reader_->call(std::move(c), limit);
    if (!r) { co_return std::nullopt; }
    if (r->is_error()) {
        reader_->close(errc::redis_reply, r->text);
        co_return std::nullopt;
    }
    note_contact();
    co_return std::optional<reply>(std::move(*r));
}

task<std::optional<reply>> invalidation_log::ask(redis::script_call call)
{
    redis::command by_hash = call.by_hash();
    result<reply> r = co_await reader_->call(std::move(by_hash), options_.append_timeout);
    if (r && redis::is_unknown_script(*r)) {
        redis::command by_text = call.by_text();
        r = co_await reader_->call(std::move(by_text), options_.append_timeout);
    }
    if (!r) { co_return std::nullopt; }
    if (r->is_error()) {
        reader_->close(errc::redis_reply, r->text);
        co_return std::nullopt;
    }
    note_contact();
    co_return std::optional<reply>(std::move(*r));
}

task<> invalidation_log::follow(async::drain_gate::pass)
{
    unsigned failures = 0;
    while (!stopping_) {
        closed_.reset();
        reader_ = std::make_unique<redis::connection>(loop_, how_, reader_observer_);
        const result<void> opened = co_await reader_->open();
        if (opened && !stopping_) {
            const auto since = steady::now();
            co_await read_on();
            if (steady::now() - since > 1s) { failures = 0; }
        }
        reader_->close(errc::redis_down, "given up");
        const std::string why = reader_->problem();
        co_await reader_->drained();
        if (stopping_) { break; }
        if (position_ == 0) { set_contact(contact::unread, why); }
        {
            const std::lock_guard hold(mutex_);
            status_.problem = why;
        }
        const double r = std::generate_canonical<double, 24>(random_);
        pause_.reset();
        co_await pause_.wait_until(steady::now() + redis::full_jitter(failures++, 50ms, 1000ms, r));
    }
}

// Until the connection is lost, or stop().
task<> invalidation_log::read_on()
{
    std::uint64_t standstills = valid_.suspensions();
    instant asked = time_.now();
    const bool clock_known = co_await look_at_clock();
    if (!clock_known) { co_return; }
    const bool sent = co_await send_waiting();
    if (!sent) { co_return; }
    const bool repaired = co_await repair(position_ == 0 ? "start" : "reconnected");
    if (!repaired) { co_return; }
    const bool announced = co_await announce();   // first: who serves must be among those that an acknowledgement waits for
    if (!announced) { co_return; }
    valid_.know_until(asked);
    if (standstills == valid_.suspensions()) { set_contact(contact::following, "log read"); }
    const std::string block = std::to_string(options_.read_block.count());
    while (!stopping_ && reader_->is_open()) {
        standstills = valid_.suspensions();
        asked = time_.now();
        redis::command read{"XREAD", "COUNT", std::to_string(most_at_once), "BLOCK", block, "STREAMS", names_.log, std::to_string(position_) + "-0"};
        const std::optional<reply> r = co_await ask(std::move(read), options_.read_block + 2s);
        if (!r || stopping_) { co_return; }
        bool good = true;
        bool is_all = true;
        if (r->is_nil()) {
            good = co_await look_at_head();
        } else if (take_entries(*r)) {
            is_all = r->items[0].items[1].items.size() < most_at_once;
        } else {
            good = co_await repair("gap");
        }
        if (!good) { co_return; }
        if (is_all) { valid_.know_until(asked); }
        if (!journal_.empty() && !sending_) {
            const bool done = co_await send_waiting();
            if (!done) { co_return; }
        }
        // A reply to what was asked before a standstill says nothing about the time since.
        if (standstills == valid_.suspensions()) { set_contact(contact::following, "log read"); }
    }
}

task<bool> invalidation_log::announce()
{
    const auto now = redis_now();
    if (!now) { co_return false; }
    redis::command row = row_of_this_node(*now);
    const std::optional<reply> r = co_await ask(std::move(row), options_.append_timeout);
    co_return r.has_value();
}

bool invalidation_log::take_entries(const reply& r)
{
    // [[name, [entry, entry, …]]]
    if (r.items.size() != 1 || r.items[0].items.size() != 2 || r.items[0].items[1].kind != reply::type::array) {
        observer_.on_malformed("XREAD");
        return false;
    }
    bool whole = true;
    const sequence from = position_;
    sequence newest = 0;
    for (const reply& one : r.items[0].items[1].items) {
        const std::optional<log_entry> e = read_entry(one);
        if (!e) {
            observer_.on_malformed("entry of the log");   // what it was about is in the table
            whole = false;
            break;
        }
        if (e->at <= position_) { continue; }
        if (e->before != position_) { whole = false; break; }
        apply(*e);
        position_ = e->at;
        newest = e->at;
    }
    if (position_ != from) {
        const auto now = redis_now();
        if (now) {
            lag_ = std::max(microseconds(0), *now - microseconds(static_cast<std::int64_t>(newest)));
            valid_.set_shared_minus_local(std::chrono::duration_cast<milliseconds>(*now) - time_.now().time_since_epoch());
            observer_.on_lag(lag_);
        }
        valid_.advance(position_);
        tell_applied();
    }
    return whole;
}

void invalidation_log::apply(const log_entry& e)
{
    for (const auto& [scope, mode] : e.scopes) { valid_.apply(scope, mode, e.at); }
    if (e.node == node_) { return; }
    audit_row row;
    if (from_text(e.about, row.what) && !row.what.id.empty()) {
        row.node = e.node;
        row.state = append_state::applied;
        row.at = e.at;
        row.when = time_.wall();
        audit_.add(std::move(row));
    }
}

task<bool> invalidation_log::look_at_clock()
{
    redis::command c{"TIME"};
    const std::optional<reply> r = co_await ask(std::move(c), options_.append_timeout);
    co_return r && note_time(*r);
}

// Nothing came: is there still what was read?
task<bool> invalidation_log::look_at_head()
{
    const bool clock_known = co_await look_at_clock();
    if (!clock_known) { co_return false; }
    redis::command c{"ZSCORE", names_.table, "!head"};
    const std::optional<reply> r = co_await ask(std::move(c), options_.append_timeout);
    if (!r) { co_return false; }
    const std::optional<sequence> head = read_score(*r);
    if (!head && !r->is_nil()) { co_return refuse("ZSCORE"); }
    lag_ = microseconds(0);
    if (head && *head == position_) { co_return true; }
    // A head that is above is of something that was appended a moment ago: it will be read, or be found missing then.
    if (head && *head > position_ && passed_over_++ < 5) { co_return true; }
    passed_over_ = 0;
    const bool done = co_await repair(!head ? "the table is gone" : *head < position_ ? "rolled back" : "the stream lacks entries");
    co_return done;
}

task<bool> invalidation_log::make_floor()
{
    invalidation nothing;
    nothing.id = "floor";
    redis::script_call call = make_append(options_, names_, node_, nothing, std::max(position_, valid_.applied()));
    const std::optional<reply> r = co_await ask(std::move(call));
    if (!r) { co_return false; }
    co_return read_append(*r) ? true : refuse("append");
}

task<bool> invalidation_log::repair(std::string_view why)
{
    for (int attempt = 0; attempt < 4 && !stopping_; ++attempt) {
        redis::command c{"ZMSCORE", names_.table, "!head", "!floor"};
        const std::optional<reply> marks = co_await ask(std::move(c), options_.append_timeout);
        if (!marks) { co_return false; }
        if (marks->items.size() != 2) { co_return refuse("ZMSCORE"); }
        const std::optional<sequence> head = read_score(marks->items[0]);
        const std::optional<sequence> floor = read_score(marks->items[1]);
        if ((!head && !marks->items[0].is_nil()) || (!floor && !marks->items[1].is_nil())) { co_return refuse("ZMSCORE"); }
        if (!head) {
            const bool made = co_await make_floor();
            if (!made) { co_return false; }
            continue;
        }
        const bool rolled_back = *head < position_;
        known_there known;
        const bool read = co_await read_table(rolled_back ? 0 : position_, *head, known, rolled_back);
        if (!read) { co_return false; }
        if (rolled_back) {
            const bool restored = co_await append_again(known);
            if (!restored) { co_return false; }
            continue;
        }
        if (floor && *floor > valid_.floor()) { valid_.raise_floor(*floor); }
        position_ = std::max(position_, *head);
        if (const auto now = redis_now()) {
            valid_.set_shared_minus_local(std::chrono::duration_cast<milliseconds>(*now) - time_.now().time_since_epoch());
        }
        valid_.advance(position_);
        tell_applied();
        observer_.on_repair(why, known.count);
        co_return true;
    }
    co_return false;
}

// Everything in the table above that sequence. Pages overlap in their last score, since all scopes of one append share theirs.
task<bool> invalidation_log::read_table(sequence above, sequence head, known_there& known, bool remember)
{
    std::string from = "(" + std::to_string(above);
    const std::string most = std::to_string(page);
    for (;;) {
        redis::command c{"ZRANGEBYSCORE", names_.table, from, "+inf", "WITHSCORES", "LIMIT", "0", most};
        const std::optional<reply> r = co_await ask(std::move(c), 5s);
        if (!r) { co_return false; }
        if (r->kind != reply::type::array || r->items.size() % 2 != 0) { co_return refuse("ZRANGEBYSCORE"); }
        sequence last = 0;
        for (std::size_t i = 0; i + 1 < r->items.size(); i += 2) {
            const std::optional<sequence> s = read_score(r->items[i + 1]);
            if (!s) { co_return refuse("score of the table"); }
            last = *s;
            scope_hash scope = 0;
            purge_mode mode{};
            if (parse_member(r->items[i].text, scope, mode)) {
                valid_.apply(scope, mode, *s);
                if (remember) { known.scores[member_of(scope, mode)] = *s; }
                ++known.count;
            } else if (!is_mark(r->items[i].text)) {
                // Of what it speaks nobody can tell, so it may be anything that was stored before.
                observer_.on_malformed("member of the table");
                valid_.raise_floor(std::max(valid_.floor(), std::min(*s, head)));
            }
        }
        if (r->items.size() < 2 * page) { co_return true; }
        if (from == std::to_string(last)) { co_return false; }   // more of one number than ever is appended: none of ours wrote this
        from = std::to_string(last);
    }
}

// What this process knows and the table does not. All of it above what anybody has applied.
task<bool> invalidation_log::append_again(const known_there& known)
{
    struct lost {
        scope_hash scope;
        purge_mode mode;
    };
    std::vector<lost> all;
    valid_.for_each([&](scope_hash scope, purge_mode mode, sequence s) {
        const auto there = known.scores.find(member_of(scope, mode));
        if (there == known.scores.end() || there->second < s) { all.push_back({scope, mode}); }
    });
    std::size_t at = 0;
    do {
        for (const purge_mode mode : {purge_mode::hard, purge_mode::soft}) {
            invalidation again;
            again.id = "again-" + node_;
            again.mode = mode;
            for (std::size_t i = at; i < std::min(at + most_scopes, all.size()); ++i) {
                if (all[i].mode == mode) { again.scopes.push_back(all[i].scope); }
            }
            redis::script_call call = make_append(options_, names_, node_, again, std::max(position_, valid_.applied()));
            const std::optional<reply> r = co_await ask(std::move(call));
            if (!r) { co_return false; }
            if (!read_append(*r)) { co_return refuse("append"); }
        }
        at += most_scopes;
    } while (at < all.size());
    co_return true;
}

// ---- appending

void invalidation_log::submit(invalidation i, receipt_handler done)
{
    TIERCEL_CHECK(i.scopes.size() <= most_scopes);
    if (i.id.empty()) { i.id = random_name(); }
    // An event may have been appended before: then it is of no concern any more.
    if (i.event.empty()) { valid_.raise(i.scopes, i.mode); }
    loop_.post([this, i = std::move(i), done = std::move(done)]() mutable { append(std::move(i), steady::now(), std::move(done)); });
}

void invalidation_log::append(invalidation i, steady::time_point since, receipt_handler done)
{
    observer_.on_invalidation(i);
    audit_row row;
    row.what = i;
    row.node = node_;
    row.when = time_.wall();
    audit_.add(std::move(row));
    if (stopping_ || client_->refusal(redis::lane::write) || !journal_.empty()) {
        keep(i, done);
        return;
    }
    ++under_way_;
    redis::script_call call = make_append(options_, names_, node_, i, valid_.applied());
    redis::run_script(*client_, redis::lane::write, std::move(call), [this, i = std::move(i), since, done = std::move(done)](result<reply> r) {
        on_appended(i, std::move(r), since, done);
        if (--under_way_ == 0) { settled_.set(); }
    });
}

void invalidation_log::on_appended(const invalidation& i, result<reply> r, steady::time_point since, const receipt_handler& done)
{
    const std::optional<appended> a = r ? read_append(*r) : std::nullopt;
    if (!a) {
        if (r && !r->is_error()) { observer_.on_malformed("append"); }
        keep(i, done);
        return;
    }
    if (!a->duplicate) { take_own(i, *a); }
    const auto took = std::chrono::duration_cast<milliseconds>(steady::now() - since);
    const append_state state = a->duplicate ? append_state::duplicate : append_state::applied;
    audit_.change(i.id, [&](audit_row& row) {
        row.state = state;
        row.at = a->at;
        row.took = took;
        row.nodes = {node_};
    });
    if (done) { done(receipt{state, a->at, i.id}); }
}

void invalidation_log::take_own(const invalidation& i, const appended& a)
{
    valid_.apply(i.scopes, i.mode, a.at);
    if (a.before == position_ && position_ != 0) {
        position_ = a.at;
        valid_.advance(position_);
        tell_applied();
    } else {
        valid_.touch();
    }
}

void invalidation_log::keep(const invalidation& i, const receipt_handler& done)
{
    if (!i.event.empty()) { valid_.raise(i.scopes, i.mode); }
    const bool kept = journal_.add(i) != journal::added::full;
    const append_state state = kept ? append_state::pending : append_state::refused;
    audit_.change(i.id, [&](audit_row& row) { row.state = state; });
    show();
    if (done) { done(receipt{state, 0, i.id}); }
}

// What has waited goes before anything is read. False: the connection was lost.
task<bool> invalidation_log::send_waiting()
{
    sending_ = true;
    bool good = true;
    while (good && !journal_.empty() && !stopping_) {
        const invalidation i = journal_.begin_front();
        redis::script_call call = make_append(options_, names_, node_, i, valid_.applied());
        const std::optional<reply> r = co_await ask(std::move(call));
        const std::optional<appended> a = r ? read_append(*r) : std::nullopt;
        good = a.has_value();
        if (r && !a) { refuse("append"); }
        if (good) {
            if (!a->duplicate) { valid_.apply(i.scopes, i.mode, a->at); }
            audit_.change(i.id, [&](audit_row& row) {
                row.state = a->duplicate ? append_state::duplicate : append_state::applied;
                row.at = a->at;
                row.nodes = {node_};
            });
            journal_.pop();
        }
    }
    sending_ = false;
    valid_.touch();
    show();
    co_return good;
}

// ---- who else has applied it

void invalidation_log::wait_applied(sequence at, steady::time_point limit, nodes_handler done)
{
    loop_.post([this, at, limit, done = std::move(done)]() mutable {
        async::asio::co_spawn(loop_.context(), wait_for_nodes(at, limit, std::move(done), loop_.gate().try_enter()), rethrow);
    });
}

task<> invalidation_log::wait_for_nodes(sequence at, steady::time_point limit, nodes_handler done, async::drain_gate::pass)
{
    std::vector<node_state> nodes;
    bool all = false;
    async::event pause(loop_.context(), loop_.wheel());
    while (!stopping_) {
        redis::command c{"HGETALL", names_.nodes};
        const result<reply> r = co_await client_->call(redis::lane::read, std::move(c));
        const auto now = redis_now();
        if (r && now && r->kind == reply::type::array) {
            nodes.clear();
            all = true;
            for (std::size_t i = 0; i + 1 < r->items.size(); i += 2) {
                const std::optional<node_word> told = read_node(r->items[i + 1].text);
                node_state n{r->items[i].text, told ? told->applied : 0, {}};
                if (told) { n.silent = std::chrono::duration_cast<milliseconds>(*now - told->heard); }
                if (!told) { observer_.on_malformed("row of a node"); }
                if (!told || n.silent > node_is_forgotten) {   // who lives writes it again
                    redis::command forget{"HDEL", names_.nodes, n.name};
                    client_->send(redis::lane::write, std::move(forget), [](const result<reply>&) {});
                }
                if (!told || n.silent <= node_is_live) {
                    if (n.name == node_) { n.applied = std::max(n.applied, position_); }
                    all = all && n.applied >= at;
                    nodes.push_back(std::move(n));
                }
            }
        } else if (r && !r->is_error() && r->kind != reply::type::array) {
            observer_.on_malformed("HGETALL");
        }
        if (all || steady::now() >= limit) { break; }
        co_await pause.wait_until(std::min(limit, steady::now() + 5ms));
    }
    done(all, std::move(nodes));
}

}  // namespace tiercel::coherence
