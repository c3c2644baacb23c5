#include "load/client.hpp"

#include "load/connection.hpp"
#include "load/cpu.hpp"

#include <sys/epoll.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <cerrno>
#include <deque>
#include <exception>
#include <future>
#include <system_error>
#include <thread>

namespace tiercel::load {
namespace {

using clock = std::chrono::steady_clock;
using namespace std::chrono_literals;

constexpr nanoseconds reconnect_pause = 20ms;
constexpr nanoseconds longest_sleep = 20ms;   // so that a stop, and an answer that does not come, are noticed
constexpr int events_at_once = 256;

struct waiting_request {
    std::uint64_t number;
    nanoseconds due;
};

struct server {
    std::uint16_t port = 0;
    std::deque<connection*> idle;             // first in, first out: all connections are used alike
    std::deque<waiting_request> waiting;
};

// The loop of one run. Everything here belongs to its thread.
class generator {
public:
    generator(load_plan& plan, const std::atomic<bool>& stopping) : plan_(plan), stopping_(stopping) {}

    void connect_all();
    load_result run(clock::time_point begin);

private:
    nanoseconds now() const { return clock::now() - begin_; }
    bool has_more() const { return !ended_ && (plan_.requests == 0 || number_ < plan_.requests); }
    void take_due_requests();
    void saturate();
    void dispatch(waiting_request r);
    void send(connection& c, waiting_request r);
    void become_idle(connection& c);
    void on_event(connection& c, std::uint32_t events);
    void on_readable(connection& c);
    void on_answer(connection& c);
    void fail(connection& c);
    void on_unreachable(connection& c);
    void account(const answer_view& a, unsigned server_index);
    void reconnect(connection& c);
    void look_after_connections();
    nanoseconds sleep_time() const;
    void wait_for_events();

    load_plan& plan_;
    const std::atomic<bool>& stopping_;
    poller poller_;
    std::vector<server> servers_;
    std::vector<std::unique_ptr<connection>> connections_;
    std::vector<connection*> away_;            // not connected, to be tried again
    clock::time_point begin_;
    nanoseconds next_look_{0};
    std::uint64_t number_ = 0;                 // of the next request
    nanoseconds next_due_{0};
    bool ended_ = false;                       // the schedule or the duration, or stopped
    std::uint64_t under_way_ = 0;              // waiting or sent
    std::vector<char> buffer_ = std::vector<char>(256 * 1024);
    load_result result_;
};

void generator::connect_all()
{
    for (const std::uint16_t port : plan_.servers) {
        const auto index = static_cast<unsigned>(servers_.size());
        server& s = servers_.emplace_back();
        s.port = port;
        for (unsigned i = 0; i < plan_.connections; ++i) {
            connection& c = *connections_.emplace_back(std::make_unique<connection>(index));
            c.connect_and_wait(port);
            poller_.add(c);
            s.idle.push_back(&c);
        }
    }
}

load_result generator::run(clock::time_point begin)
{
    begin_ = begin;
    next_due_ = plan_.arrivals.next();
    while (has_more() || under_way_ > 0) {
        take_due_requests();
        wait_for_events();
        look_after_connections();
    }
    result_.elapsed = now() - plan_.warm_up;
    result_.asked = number_;
    return std::move(result_);
}

void generator::take_due_requests()
{
    if (stopping_.load(std::memory_order_relaxed)) { ended_ = true; }
    if (plan_.arrivals.is_saturating()) { return saturate(); }
    const nanoseconds until = now();
    while (has_more() && next_due_ <= until) {
        if (plan_.duration > 0ns && next_due_ >= plan_.duration) {
            ended_ = true;
            return;
        }
        dispatch({.number = number_++, .due = next_due_});
        next_due_ = plan_.arrivals.next();
    }
}

void generator::saturate()
{
    if (plan_.duration > 0ns && now() >= plan_.duration) { ended_ = true; }
    // The server of a request is the plan's choice, so look only as far as the first whose server has no free connection.
    while (has_more()) {
        server& s = servers_[plan_.request(number_).server];
        if (s.idle.empty()) { return; }
        dispatch({.number = number_++, .due = now()});
    }
}

void generator::dispatch(waiting_request r)
{
    ++under_way_;
    server& s = servers_[plan_.request(r.number).server];
    if (s.idle.empty()) {
        s.waiting.push_back(r);
        return;
    }
    if (r.due >= plan_.warm_up) {
        result_.own_delay.record(static_cast<std::uint64_t>(std::max<std::int64_t>(0, (now() - r.due).count())));
    }
    connection& c = *s.idle.front();
    s.idle.pop_front();
    send(c, r);
}

void generator::send(connection& c, waiting_request r)
{
    const planned_request p = plan_.request(r.number);
    c.begin(r.number, r.due, now(), p.asked, plan_.keep_content);
    if (!c.send(p.bytes)) {
        fail(c);
    } else if (c.has_unsent()) {
        poller_.want(c, EPOLLIN | EPOLLOUT);
    }
}

void generator::become_idle(connection& c)
{
    server& s = servers_[c.server()];
    if (s.waiting.empty()) {
        s.idle.push_back(&c);
        return;
    }
    const waiting_request r = s.waiting.front();
    s.waiting.pop_front();
    send(c, r);
}

void generator::on_event(connection& c, std::uint32_t events)
{
    if (!c.is_open()) { return; }   // closed by what came before it in the same batch
    if (c.is_connecting()) {
        if (!c.finish_connecting()) {
            on_unreachable(c);
            return;
        }
        poller_.want(c, EPOLLIN);
        become_idle(c);
        return;
    }
    if ((events & EPOLLOUT) != 0 && c.has_unsent()) {
        if (!c.send_rest()) {
            fail(c);
            return;
        }
        if (!c.has_unsent()) { poller_.want(c, EPOLLIN); }
    }
    if ((events & (EPOLLIN | EPOLLHUP | EPOLLERR)) != 0) { on_readable(c); }
}

void generator::on_readable(connection& c)
{
    const ssize_t n = ::recv(c.fd(), buffer_.data(), buffer_.size(), MSG_DONTWAIT);
    if (n < 0 && (errno == EAGAIN || errno == EINTR)) { return; }
    if (!c.is_busy()) {   // the server had enough of an idle connection, or says what nobody asked
        std::erase(servers_[c.server()].idle, &c);
        ++result_.reconnects;
        reconnect(c);
        return;
    }
    const auto state = n <= 0 ? (n == 0 ? c.reader().on_end() : answer_reader::state::broken)
                              : c.reader().feed({buffer_.data(), static_cast<std::size_t>(n)});
    switch (state) {
    case answer_reader::state::more: return;
    case answer_reader::state::broken: fail(c); return;
    case answer_reader::state::done: break;
    }
    on_answer(c);
    if (n == 0 || c.reader().closes()) {
        ++result_.reconnects;
        reconnect(c);
    } else {
        become_idle(c);
    }
}

void generator::on_answer(connection& c)
{
    const answer_reader& r = c.reader();
    account({.number = c.number(), .due = c.due(), .latency = now() - c.due(), .status = r.status(), .by = r.by(),
             .body_size = r.body_size(), .head = r.head(), .body = r.body()},
            c.server());
    c.end();
}

// The connection is of no use any more; a request that it carried has got no answer.
void generator::fail(connection& c)
{
    ++result_.reconnects;
    if (c.is_busy()) {
        account({.number = c.number(), .due = c.due(), .latency = now() - c.due()}, c.server());
        c.end();
    }
    reconnect(c);
}

// Nobody listens there, at least now. With no connection left, those who wait for one wait for nothing.
void generator::on_unreachable(connection& c)
{
    c.close();
    away_.push_back(&c);
    const auto stands = [&](const auto& other) { return other->server() == c.server() && other->is_open() && !other->is_connecting(); };
    if (std::any_of(connections_.begin(), connections_.end(), stands)) { return; }
    for (const waiting_request r : std::exchange(servers_[c.server()].waiting, {})) {
        account({.number = r.number, .due = r.due, .latency = now() - r.due}, c.server());
    }
}

void generator::account(const answer_view& a, unsigned server_index)
{
    --under_way_;
    if (a.due < plan_.warm_up) { return; }
    result_.latency.record(static_cast<std::uint64_t>(a.latency.count()));
    ++result_.by[static_cast<std::size_t>(a.by)];
    if (a.status == 0 || a.status >= 400) { ++result_.errors; }
    if (plan_.keep_records) {
        const auto us = [](nanoseconds t) { return static_cast<std::uint32_t>(t / 1us); };
        result_.records.push_back({.due_us = us(a.due), .latency_us = us(a.latency), .status = static_cast<std::int16_t>(a.status),
                                   .by = a.by, .server = static_cast<std::uint8_t>(server_index)});
    }
    if (plan_.observe) { plan_.observe(a); }
}

void generator::reconnect(connection& c)
{
    c.close();
    if (c.start_connecting(servers_[c.server()].port)) {
        poller_.add(c);
    } else {
        on_unreachable(c);
    }
}

// Now and then: answers that did not come in time, and servers that may be back.
void generator::look_after_connections()
{
    const nanoseconds t = now();
    if (t < next_look_) { return; }
    next_look_ = t + reconnect_pause;
    for (const auto& c : connections_) {
        if (c->is_busy() && t - c->asked_at() > plan_.patience) { fail(*c); }
    }
    for (connection* c : std::exchange(away_, {})) { reconnect(*c); }
}

nanoseconds generator::sleep_time() const
{
    if (plan_.spin) { return 0ns; }
    if (plan_.arrivals.is_saturating() || !has_more()) { return longest_sleep; }
    return std::clamp<nanoseconds>(next_due_ - now(), 0ns, longest_sleep);
}

void generator::wait_for_events()
{
    epoll_event events[events_at_once];
    const int n = poller_.wait(events, events_at_once, sleep_time());
    for (int i = 0; i < n; ++i) { on_event(*static_cast<connection*>(events[i].data.ptr), events[i].events); }
}

}  // namespace

struct load_run::state {
    load_plan plan;
    std::atomic<bool> stopping = false;
    clock::time_point begin;
    std::promise<void> begun;
    std::promise<load_result> result;
    std::thread thread;

    void run()
    {
        ::prctl(PR_SET_TIMERSLACK, 1);   // sleep to the point, not up to 50 us longer
        const stay_here here(plan.cpu);
        generator g(plan, stopping);
        try {
            g.connect_all();
        } catch (...) {
            begun.set_exception(std::current_exception());
            return;
        }
        begin = clock::now();
        begun.set_value();
        try {
            result.set_value(g.run(begin));
        } catch (...) {
            result.set_exception(std::current_exception());
        }
    }
};

load_run::load_run(load_plan plan) : state_(std::make_unique<state>())
{
    state_->plan = std::move(plan);
    auto begun = state_->begun.get_future();
    state_->thread = std::thread([s = state_.get()] { s->run(); });
    try {
        begun.get();
    } catch (...) {
        state_->thread.join();
        throw;
    }
}

load_run::~load_run()
{
    stop();
    if (state_->thread.joinable()) { state_->thread.join(); }
}

nanoseconds load_run::now() const { return clock::now() - state_->begin; }
nanoseconds load_run::began() const { return state_->begin.time_since_epoch(); }
void load_run::wait_until(nanoseconds since_begin) const { std::this_thread::sleep_until(state_->begin + since_begin); }
void load_run::stop() { state_->stopping = true; }

load_result load_run::finish()
{
    state_->thread.join();
    return state_->result.get_future().get();
}

load_result run_load(load_plan plan)
{
    return load_run(std::move(plan)).finish();
}

void load_result::add(const load_result& other)
{
    latency.add(other.latency);
    own_delay.add(other.own_delay);
    for (std::size_t i = 0; i < by.size(); ++i) { by[i] += other.by[i]; }
    asked += other.asked;
    errors += other.errors;
    records.insert(records.end(), other.records.begin(), other.records.end());
    elapsed += other.elapsed;
    reconnects += other.reconnects;
}

std::string make_request(std::string_view target, std::string_view field_lines, std::string_view verb, std::string_view body)
{
    std::string out(verb);
    out.append(" ").append(target).append(" HTTP/1.1\r\nHost: bench.test\r\nUser-Agent: tiercel-bench\r\nAccept: */*\r\n");
    out.append(field_lines);
    if (!body.empty()) { out.append("Content-Length: ").append(std::to_string(body.size())).append("\r\n"); }
    return out.append("\r\n").append(body);
}

}  // namespace tiercel::load
