#include "redis/connection.hpp"

#include <tiercel/check.hpp>

#include <boost/asio/ip/address.hpp>
#include <boost/asio/ip/basic_resolver.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/local/stream_protocol.hpp>
#include <boost/asio/redirect_error.hpp>

#include <algorithm>
#include <memory>
#include <utility>
#include <vector>

namespace tiercel::redis {

using namespace std::chrono_literals;

namespace {

using async::steady;
using async::task;
using async::use_task;
using resolver = asio::ip::basic_resolver<asio::ip::tcp, async::executor>;
using endpoints = std::vector<async::endpoint>;

// A look-up in progress. It cannot be interrupted (a thread sits in getaddrinfo), so it outlives whoever gave up waiting.
struct lookup {
    explicit lookup(async::loop& l) : names(l.get_executor()), done(l.context(), l.wheel()) {}

    resolver names;
    async::event done;
    endpoints found;
};

task<endpoints> find(async::loop& loop, const server_address& where, steady::time_point until)
{
    if (where.is_unix()) {
        co_return endpoints(1, asio::local::stream_protocol::endpoint(where.unix_path));
    }
    error_code not_numeric;
    const auto address = asio::ip::make_address(where.host, not_numeric);
    if (!not_numeric) {
        co_return endpoints(1, asio::ip::tcp::endpoint(address, where.port));
    }
    const auto search = std::make_shared<lookup>(loop);
    search->names.async_resolve(where.host, std::to_string(where.port),
                                [search](const error_code& ec, const resolver::results_type& all) {
                                    if (!ec) {
                                        for (const auto& one : all) { search->found.emplace_back(one.endpoint()); }
                                    }
                                    search->done.set();
                                });
    const bool in_time = co_await search->done.wait_until(until);
    if (!in_time) { co_return endpoints(); }
    co_return search->found;
}

// Errors by which a server says that it cannot serve anything now.
bool means_outage(const reply& r) noexcept
{
    const std::string_view code = r.error_code();
    return code == "LOADING" || code == "MASTERDOWN" || code == "READONLY" || code == "BUSY" || code == "CLUSTERDOWN";
}

constexpr std::size_t merge_below = 16 * 1024;   // longer commands are written from where they are
constexpr std::size_t chunk_target = 64 * 1024;

}  // namespace

connection::connection(async::loop& loop, connection_options options, connection_observer& observer)
    : loop_(loop),
      options_(std::move(options)),
      observer_(observer),
      socket_(loop.get_executor()),
      limit_(loop.wheel(), [](void* self) { static_cast<connection*>(self)->on_limit(); }, this),
      idle_(loop.context(), loop.wheel()),
      parser_(options_.max_reply)
{
}

connection::~connection() = default;   // the gate checks that nothing is left

// ---- opening

task<result<void>> connection::open()
{
    TIERCEL_CHECK(state_ == state::idle);
    state_ = state::opening;
    open_until_ = steady::now() + options_.connect_timeout;
    watch(open_until_);
    bool good = co_await connect_socket();
    if (good) {
        read_more();
        good = co_await greet();
    }
    if (!good) { co_return why_; }
    state_ = state::open;
    co_return result<void>();
}

task<bool> connection::connect_socket()
{
    const endpoints all = co_await find(loop_, options_.address, open_until_);
    std::string last = "no address found for " + options_.address.text();
    for (const async::endpoint& one : all) {
        if (state_ == state::closed) { co_return false; }
        error_code ec;
        co_await socket_.async_connect(one, asio::redirect_error(use_task, ec));
        if (state_ == state::closed) { co_return false; }
        if (!ec) {
            if (!options_.address.is_unix()) { socket_.set_option(asio::ip::tcp::no_delay(true), ec); }
            co_return true;
        }
        last = "connect to " + options_.address.text() + ": " + ec.message();
        socket_.close(ec);
    }
    close(errc::redis_down, std::move(last));
    co_return false;
}

task<bool> connection::greet()
{
    const server_address& to = options_.address;
    bool good = true;
    if (!to.password.empty()) {
        std::vector<std::string_view> words{"AUTH"};
        if (!to.user.empty()) { words.push_back(to.user); }
        words.push_back(to.password);
        command auth{std::span<const std::string_view>(words)};
        good = co_await accepted(std::move(auth), "AUTH");
        if (!good) { co_return false; }
    }
    if (to.database != 0) {
        const std::string number = std::to_string(to.database);
        command select{"SELECT", number};
        good = co_await accepted(std::move(select), "SELECT");
        if (!good) { co_return false; }
    }
    command set_name{"CLIENT", "SETNAME", options_.name};
    const std::optional<reply> named = co_await ask(std::move(set_name), "CLIENT SETNAME");
    if (!named) { co_return false; }   // an error reply is no harm: the name is for people only

    command role_query{"ROLE"};
    const std::optional<reply> role = co_await ask(std::move(role_query), "ROLE");
    if (!role) { co_return false; }
    if (role->items.empty() || role->items[0].text != "master") {
        close(errc::redis_down, role->is_error() ? "ROLE: " + role->text : "ROLE: not a master");
        co_return false;
    }
    co_return true;
}

// One step of the handshake. Nothing: closed, and problem() says in which step.
task<std::optional<reply>> connection::ask(command c, std::string_view step)
{
    result<reply> answer = co_await call(std::move(c), options_.connect_timeout);
    if (!answer) {
        close(errc::redis_timeout, "no answer");   // mostly it is closed already, and that was the reason
        problem_ += " during " + std::string(step);
        co_return std::nullopt;
    }
    co_return std::move(*answer);
}

task<bool> connection::accepted(command c, std::string_view step)
{
    const std::optional<reply> answer = co_await ask(std::move(c), step);
    if (!answer) { co_return false; }
    if (!answer->is_status("OK")) {
        close(errc::redis_reply, std::string(step) + ": " + (answer->is_error() ? answer->text : "unexpected reply"));
        co_return false;
    }
    co_return true;
}

// ---- commands

std::optional<errc> connection::refusal() const noexcept
{
    if (state_ != state::open && state_ != state::opening) { return errc::redis_down; }
    if (in_flight_.size() >= options_.max_in_flight || unsent_bytes_ > options_.max_unsent) { return errc::redis_overload; }
    return std::nullopt;
}

task<result<reply>> connection::call(command c, milliseconds limit)
{
    if (state_ == state::closed) { co_return why_; }
    if (const auto why = refusal()) { co_return *why; }
    co_return co_await asio::async_initiate<const asio::use_awaitable_t<async::executor>&, void(result<reply>)>(
        [this, &c, limit](auto handler) { enqueue(std::move(c), std::move(handler), limit); }, use_task);
}

void connection::send(command c, milliseconds limit, reply_handler on_reply)
{
    TIERCEL_CHECK(!refusal());
    enqueue(std::move(c), std::move(on_reply), limit);
}

void connection::enqueue(command c, completion done, milliseconds limit)
{
    const auto now = steady::now();
    if (in_flight_.empty()) {
        progress_ = now;
        watch(now + options_.stall_timeout);
    }
    in_flight_.push_back(pending{.done = std::move(done), .due = now + limit});
    watch(now + limit);
    push_bytes(std::move(c).bytes());
    flush_soon();
}

void connection::push_bytes(std::string bytes)
{
    unsent_bytes_ += bytes.size();
    const bool back_is_free = unsent_.size() > (writing_ ? 1u : 0u);
    if (back_is_free && bytes.size() < merge_below && unsent_.back().size() < chunk_target) {
        unsent_.back().append(bytes);
    } else {
        unsent_.push_back(std::move(bytes));
    }
}

// ---- writing

// At the end of this turn of the loop: whoever else runs in it adds to the same write.
void connection::flush_soon()
{
    if (writing_ || flush_posted_) { return; }
    flush_posted_ = true;
    asio::post(loop_.context(), [this, inside = gate_.try_enter()] {
        flush_posted_ = false;
        flush();
    });
}

void connection::flush()
{
    if (state_ == state::closed || unsent_.empty()) { return; }
    writing_ = true;
    const std::string& front = unsent_.front();
    socket_.async_write_some(asio::buffer(front.data() + front_sent_, front.size() - front_sent_),
                             [this, inside = gate_.try_enter()](const error_code& ec, std::size_t n) { on_written(ec, n); });
}

void connection::on_written(const error_code& ec, std::size_t n)
{
    writing_ = false;
    if (state_ == state::closed) { return; }
    if (ec) {
        close(errc::redis_down, "write: " + ec.message());
        return;
    }
    unsent_bytes_ -= n;
    front_sent_ += n;
    if (front_sent_ == unsent_.front().size()) {
        unsent_.pop_front();
        front_sent_ = 0;
    }
    flush();
}

// ---- reading

void connection::read_more()
{
    socket_.async_read_some(asio::buffer(input_),
                            [this, inside = gate_.try_enter()](const error_code& ec, std::size_t n) { on_read(ec, n); });
}

void connection::on_read(const error_code& ec, std::size_t n)
{
    if (state_ == state::closed) { return; }
    if (ec) {
        close(errc::redis_down, ec == asio::error::eof ? "closed by the server" : "read: " + ec.message());
        return;
    }
    progress_ = steady::now();
    std::string_view rest(input_.data(), n);
    while (!rest.empty()) {
        const std::string_view piece = rest.substr(0, reply_parser::best_piece);
        rest.remove_prefix(piece.size());
        parser_.feed(piece);
        if (!take_replies()) { return; }
    }
    read_more();
}

// False: closed on the way, by us or by who got a reply.
bool connection::take_replies()
{
    for (;;) {
        auto next = parser_.next();
        if (!next) {
            close(errc::redis_reply, "protocol: " + std::string(parser_.problem()));
            return false;
        }
        if (!next->has_value()) { return true; }
        if (is_push(**next)) {
            on_push_(**next);
            if (state_ == state::closed) { return false; }
            continue;
        }
        if (in_flight_.empty()) {
            close(errc::redis_reply, "protocol: a reply that nobody asked for");
            return false;
        }
        take_reply(std::move(**next));
        if (state_ == state::closed) { return false; }
    }
}

// RESP2 has no type of its own for pushes; no command that a subscriber sends is answered by such an array.
bool connection::is_push(const reply& r) const noexcept
{
    return on_push_ && r.kind == reply::type::array && !r.items.empty() && r.items[0].is_bulk() && r.items[0].text == "message";
}

void connection::take_reply(reply r)
{
    completion done = std::move(in_flight_.front().done);
    in_flight_.pop_front();
    if (std::holds_alternative<std::monostate>(done)) { return; }   // was late
    const bool is_replica_now = r.error_code() == "READONLY";
    if (state_ == state::open) { observer_.on_call_ended(means_outage(r)); }
    finish(std::move(done), std::move(r));
    if (is_replica_now) { close(errc::redis_down, "no longer a master"); }
}

connection::completion connection::take(completion& c)
{
    completion out = std::move(c);
    c.emplace<std::monostate>();
    return out;
}

void connection::finish(completion done, result<reply> r)
{
    if (auto* const w = std::get_if<waiter>(&done)) {
        (*w)(std::move(r));
    } else if (auto* const f = std::get_if<reply_handler>(&done)) {
        (*f)(std::move(r));
    }
}

// ---- limits and the end

// From the loop, not from inside our own calls: whoever is woken by a failure may do anything.
void connection::finish_later(completion done, result<reply> r)
{
    asio::post(loop_.context(), [done = std::move(done), r = std::move(r), inside = gate_.try_enter()]() mutable {
        finish(std::move(done), std::move(r));
    });
}

void connection::watch(steady::time_point t)
{
    if (!limit_.armed() || t < watched_) {
        watched_ = t;
        limit_.expires_at(t);
    }
}

void connection::on_limit()
{
    const auto now = steady::now();
    if (state_ == state::opening && now >= open_until_) {
        close(errc::redis_timeout, "not ready within the connect timeout");
        return;
    }
    if (!in_flight_.empty() && now - progress_ >= options_.stall_timeout) {
        close(errc::redis_timeout, "no answer for " + std::to_string(options_.stall_timeout.count()) + " ms");
        return;
    }
    auto next = steady::time_point::max();
    if (state_ == state::opening) { next = open_until_; }
    if (!in_flight_.empty()) { next = std::min(next, progress_ + options_.stall_timeout); }
    for (pending& p : in_flight_) {
        if (std::holds_alternative<std::monostate>(p.done)) { continue; }
        if (p.due > now) {
            next = std::min(next, p.due);
            continue;
        }
        finish_later(take(p.done), errc::redis_timeout);
        if (state_ == state::open) { observer_.on_call_ended(true); }
    }
    if (next != steady::time_point::max()) { watch(next); }
}

void connection::close(errc why, std::string problem)
{
    if (state_ == state::closed) { return; }
    const bool was_open = state_ == state::open;
    state_ = state::closed;
    why_ = why;
    problem_ = std::move(problem);
    limit_.disarm();
    error_code ignored;
    socket_.close(ignored);
    unsent_bytes_ = 0;
    // What is being written stays where it is until its handler has run.
    for (pending& p : in_flight_) {
        if (std::holds_alternative<std::monostate>(p.done)) { continue; }
        finish_later(std::move(p.done), why);
        if (was_open && why != errc::draining) { observer_.on_call_ended(true); }
    }
    in_flight_.clear();
    gate_.close([this] { idle_.set(); });
    if (was_open) { observer_.on_closed(); }
}

task<> connection::drained()
{
    TIERCEL_CHECK(state_ == state::closed);
    while (!idle_.is_set()) {
        co_await idle_.wait_until(steady::now() + 1h);
    }
}

}  // namespace tiercel::redis
