#include "coherence/log_reader.hpp"

#include "redis/backoff.hpp"

#include <algorithm>
#include <chrono>
#include <utility>
#include <vector>

namespace tiercel::coherence {
namespace {

using namespace std::chrono_literals;
using async::steady;
using async::task;
using redis::reply;
using std::chrono::microseconds;

constexpr std::size_t page = 10'000;
constexpr std::size_t most_at_once = 1'000;      // entries of one read

}  // namespace

log_reader::log_reader(log_state& s, log_appender& appender, node_roll& nodes)
    : s_(s), appender_(appender), nodes_(nodes), pause_(s.loop.context(), s.loop.wheel()), random_(std::random_device{}())
{
}

task<> log_reader::follow(async::drain_gate::pass)
{
    unsigned failures = 0;
    while (!s_.stopping) {
        connection_ = std::make_unique<log_connection>(s_);
        const bool opened = co_await connection_->open();
        if (opened && !s_.stopping) {
            const auto since = steady::now();
            co_await read_on();
            if (steady::now() - since > 1s) { failures = 0; }
        }
        connection_->close(errc::redis_down, "given up");
        const std::string why = connection_->problem();
        co_await connection_->drained();
        if (s_.stopping) { break; }
        if (s_.position == 0 && s_.valid.contact() != contact::blind) { s_.set_contact(contact::unread, why); }
        s_.set_problem(why);
        const double r = std::generate_canonical<double, 24>(random_);
        pause_.reset();
        co_await pause_.wait_until(steady::now() + redis::full_jitter(failures++, 50ms, 1000ms, r));
    }
}

void log_reader::stop()
{
    if (connection_) { connection_->close(errc::draining, "stopping"); }
    pause_.set();
}

// Until the connection is lost, or stop().
task<> log_reader::read_on()
{
    std::uint64_t standstills = s_.valid.suspensions();
    instant asked = s_.time.now();
    const bool caught_up = co_await catch_up();
    if (!caught_up) { co_return; }
    s_.valid.know_until(asked);
    if (standstills == s_.valid.suspensions()) { s_.set_contact(contact::following, "log read"); }
    const std::string block = std::to_string(s_.options.read_block.count());
    while (!s_.stopping && connection_->is_open()) {
        standstills = s_.valid.suspensions();
        asked = s_.time.now();
        redis::command read{"XREAD", "COUNT", std::to_string(most_at_once), "BLOCK", block, "STREAMS", s_.names.log, std::to_string(s_.position) + "-0"};
        const std::optional<reply> r = co_await connection_->ask(std::move(read), s_.options.read_block + 2s);
        if (!r && connection_->was_refused()) { s_.set_refused(connection_->problem()); }
        if (!r || s_.stopping) { co_return; }
        bool good = true;
        bool is_all = true;
        if (r->is_nil()) {
            const instant looked = s_.time.now();
            good = co_await look_at_head();
            if (passed_over_ == 0) { asked = looked; }
        } else if (take_entries(*r)) {
            is_all = r->items[0].items[1].items.size() < most_at_once;
        } else {
            good = co_await repair("gap");
        }
        if (!good) { co_return; }
        s_.last_contact = steady::now();
        if (is_all) { s_.valid.know_until(asked); }
        if (appender_.has_waiting()) {
            const bool done = co_await appender_.send_waiting(*connection_);
            if (!done) { co_return; }
        }
        // A reply to what was asked before a standstill says nothing about the time since.
        if (standstills == s_.valid.suspensions()) { s_.set_contact(contact::following, "log read"); }
        s_.set_problem({});
        s_.set_refused({});
    }
}

// What waited here goes before anything is read. At last the others are told: who serves must be among those that an acknowledgement
// waits for.
task<bool> log_reader::catch_up()
{
    const bool clock_known = co_await look_at_clock();
    if (!clock_known) { co_return false; }
    const bool sent = co_await appender_.send_waiting(*connection_);
    if (!sent) { co_return false; }
    const bool repaired = co_await repair(s_.position == 0 ? "start" : "reconnected");
    if (!repaired) { co_return false; }
    const bool announced = co_await nodes_.announce(*connection_);
    if (announced) { s_.last_contact = steady::now(); }
    co_return announced;
}

bool log_reader::take_entries(const reply& r)
{
    // [[name, [entry, entry, …]]]
    if (r.items.size() != 1 || r.items[0].items.size() != 2 || r.items[0].items[1].kind != reply::type::array) {
        s_.observer.on_malformed("XREAD");
        return false;
    }
    bool whole = true;
    const sequence from = s_.position;
    sequence newest = 0;
    for (const reply& one : r.items[0].items[1].items) {
        const std::optional<log_entry> e = read_entry(one);
        if (!e) {
            s_.observer.on_malformed("entry of the log");   // what it was about is in the table
            whole = false;
            break;
        }
        if (e->at <= s_.position) { continue; }
        if (e->before != s_.position) { whole = false; break; }
        apply(*e);
        s_.position = e->at;
        newest = e->at;
    }
    if (s_.position != from) {
        if (const auto now = s_.redis_time.now()) {
            s_.lag = std::max(microseconds(0), *now - microseconds(static_cast<std::int64_t>(newest)));
            s_.observer.on_lag(s_.lag);
        }
        s_.advance();
        nodes_.tell();
    }
    return whole;
}

void log_reader::apply(const log_entry& e)
{
    for (const auto& [scope, mode] : e.scopes) { s_.valid.apply(scope, mode, e.at); }
    if (e.node == s_.node) { return; }
    audit_row row;
    if (from_text(e.about, row.what) && !row.what.id.empty()) {
        s_.observer.on_logged(row.what, e.at, s_.redis_time.now());
        row.node = e.node;
        row.state = append_state::applied;
        row.at = e.at;
        row.when = s_.time.wall();
        row.coalesced = row.what.coalesced;
        s_.rows.add(std::move(row));
    }
}

task<bool> log_reader::look_at_clock()
{
    redis::command c{"TIME"};
    const std::optional<reply> r = co_await connection_->ask(std::move(c), s_.options.append_timeout);
    if (!r) { co_return false; }
    const std::optional<microseconds> now = read_time(*r);
    if (!now) { co_return connection_->refuse("TIME"); }
    s_.redis_time.set(*now);
    co_return true;
}

// Nothing came: is there still what was read? Then passed_over_ is 0: everything is known until this began.
task<bool> log_reader::look_at_head()
{
    const bool clock_known = co_await look_at_clock();
    if (!clock_known) { co_return false; }
    redis::command c{"ZSCORE", s_.names.table, "!head"};
    const std::optional<reply> r = co_await connection_->ask(std::move(c), s_.options.append_timeout);
    if (!r) { co_return false; }
    const std::optional<sequence> head = read_score(*r);
    if (!head && !r->is_nil()) { co_return connection_->refuse("ZSCORE"); }
    s_.lag = microseconds(0);
    if (head && *head == s_.position) {
        passed_over_ = 0;
        co_return true;
    }
    // A head that is above is of something that was appended a moment ago: it will be read, or be found missing then.
    if (head && *head > s_.position && passed_over_++ < 5) { co_return true; }
    passed_over_ = 0;
    const bool done = co_await repair(!head ? "the table is gone" : *head < s_.position ? "rolled back" : "the stream lacks entries");
    co_return done;
}

task<bool> log_reader::make_floor()
{
    invalidation nothing;
    nothing.id = "floor";
    redis::script_call call = make_append(s_.options, s_.names, s_.node, nothing, std::max(s_.position, s_.valid.applied()));
    const std::optional<reply> r = co_await connection_->ask(std::move(call));
    if (!r) { co_return false; }
    co_return read_append(*r) ? true : connection_->refuse("append");
}

task<bool> log_reader::repair(std::string_view why)
{
    for (int attempt = 0; attempt < 4 && !s_.stopping; ++attempt) {
        redis::command c{"ZMSCORE", s_.names.table, "!head", "!floor"};
        const std::optional<reply> marks = co_await connection_->ask(std::move(c), s_.options.append_timeout);
        if (!marks) { co_return false; }
        if (marks->items.size() != 2) { co_return connection_->refuse("ZMSCORE"); }
        const std::optional<sequence> head = read_score(marks->items[0]);
        const std::optional<sequence> floor = read_score(marks->items[1]);
        if ((!head && !marks->items[0].is_nil()) || (!floor && !marks->items[1].is_nil())) { co_return connection_->refuse("ZMSCORE"); }
        if (!head) {
            const bool made = co_await make_floor();
            if (!made) { co_return false; }
            continue;
        }
        const bool rolled_back = *head < s_.position;
        known_there known;
        const bool read = co_await read_table(rolled_back ? 0 : s_.position, *head, known, rolled_back);
        if (!read) { co_return false; }
        if (rolled_back) {
            const bool restored = co_await append_again(known);
            if (!restored) { co_return false; }
            continue;
        }
        if (floor && *floor > s_.valid.floor()) { s_.valid.raise_floor(*floor); }
        s_.position = std::max(s_.position, *head);
        s_.advance();
        nodes_.tell();
        s_.observer.on_repair(why, known.count);
        co_return true;
    }
    co_return false;
}

// Everything in the table above that sequence. Pages overlap in their last score, since all scopes of one append share theirs.
task<bool> log_reader::read_table(sequence above, sequence head, known_there& known, bool remember)
{
    std::string from = "(" + std::to_string(above);
    const std::string most = std::to_string(page);
    for (;;) {
        redis::command c{"ZRANGEBYSCORE", s_.names.table, from, "+inf", "WITHSCORES", "LIMIT", "0", most};
        const std::optional<reply> r = co_await connection_->ask(std::move(c), 5s);
        if (!r) { co_return false; }
        if (r->kind != reply::type::array || r->items.size() % 2 != 0) { co_return connection_->refuse("ZRANGEBYSCORE"); }
        s_.last_contact = steady::now();
        sequence last = 0;
        for (std::size_t i = 0; i + 1 < r->items.size(); i += 2) {
            const std::optional<sequence> s = read_score(r->items[i + 1]);
            if (!s) { co_return connection_->refuse("score of the table"); }
            last = *s;
            scope_hash scope = 0;
            purge_mode mode{};
            if (parse_member(r->items[i].text, scope, mode)) {
                s_.valid.apply(scope, mode, *s);
                if (remember) { known.scores[member_of(scope, mode)] = *s; }
                ++known.count;
            } else if (!is_mark(r->items[i].text)) {
                // Of what it speaks nobody can tell, so it may be anything that was stored before.
                s_.observer.on_malformed("member of the table");
                s_.valid.raise_floor(std::max(s_.valid.floor(), std::min(*s, head)));
            }
        }
        if (r->items.size() < 2 * page) { co_return true; }
        if (from == std::to_string(last)) { co_return false; }   // more of one number than ever is appended: none of ours wrote this
        from = std::to_string(last);
    }
}

// What this process knows and the table does not. All of it above what anybody has applied.
task<bool> log_reader::append_again(const known_there& known)
{
    struct lost {
        scope_hash scope;
        purge_mode mode;
    };
    std::vector<lost> all;
    s_.valid.for_each([&](scope_hash scope, purge_mode mode, sequence s) {
        const auto there = known.scores.find(member_of(scope, mode));
        if (there == known.scores.end() || there->second < s) { all.push_back({scope, mode}); }
    });
    std::size_t at = 0;
    do {
        for (const purge_mode mode : {purge_mode::hard, purge_mode::soft}) {
            invalidation again;
            again.id = "again-" + s_.node;
            again.mode = mode;
            for (std::size_t i = at; i < std::min(at + most_scopes, all.size()); ++i) {
                if (all[i].mode == mode) { again.scopes.push_back(all[i].scope); }
            }
            redis::script_call call = make_append(s_.options, s_.names, s_.node, again, std::max(s_.position, s_.valid.applied()));
            const std::optional<reply> r = co_await connection_->ask(std::move(call));
            if (!r) { co_return false; }
            if (!read_append(*r)) { co_return connection_->refuse("append"); }
        }
        at += most_scopes;
    } while (at < all.size());
    co_return true;
}

}  // namespace tiercel::coherence
