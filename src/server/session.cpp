#include "server/session.hpp"

#include "async/drained_read.hpp"
#include "async/listener.hpp"
#include "flow/delivery.hpp"
#include "flow/fill.hpp"
#include "flow/problem_table.hpp"
#include "flow/request_flow.hpp"
#include "http/forwarding.hpp"
#include "http/head_parser.hpp"

#include <boost/asio/post.hpp>

#include <array>

namespace tiercel::server {

connection_entry::connection_entry(session_host& host, flow::client_io& io, flow::request& current)
    : host_(host), io_(io), current_(current), next_(host.first_)
{
    if (next_ != nullptr) {
        next_->previous_ = this;
    }
    host.first_ = this;
    host.connections.fetch_add(1, std::memory_order_relaxed);
    if (host.aborted_) [[unlikely]] {
        error_code ignored;
        io.socket().close(ignored);
    }
}

connection_entry::~connection_entry()
{
    (previous_ != nullptr ? previous_->next_ : host_.first_) = next_;
    if (next_ != nullptr) {
        next_->previous_ = previous_;
    }
    host_.connections.fetch_sub(1, std::memory_order_relaxed);
}

void session_host::note_slow_origin(const flow::request& rq, const flow::answered& a)
{
    if (slow_origin.count() > 0 && a.attempts > 0 && a.origin_time >= slow_origin) {
        TIERCEL_LOG(say, warn, "slow-origin", "slow origin route={} tenant={} key={} origin_ms={} attempts={} request_id={}",
                    rq.route != nullptr ? std::string_view(rq.route->name) : std::string_view(), rq.tenant,
                    rq.key.empty() ? std::string() : hex(stable_hash(rq.key)), a.origin_time.count() / 1000, a.attempts, rq.id);
    }
}

void session_host::drain()
{
    draining_ = true;
    for (connection_entry* c = first_; c != nullptr; c = c->next_) {
        c->current_.keep_alive = false;
        if (c->idle && !async::has_bytes(c->io_.socket().native_handle())) {
            error_code ignored;
            c->io_.socket().cancel(ignored);
        }
    }
}

void session_host::abort()
{
    draining_ = true;
    aborted_ = true;
    for (connection_entry* c = first_; c != nullptr; c = c->next_) {
        error_code ignored;
        c->io_.socket().close(ignored);
    }
}

namespace {

using async::steady;

head_limits limits_of(const server_options& o)
{
    return {o.limits.uri, o.limits.header_bytes, o.limits.header_count};
}

class session {
public:
    session(session_host& host, async::socket s, flow::peer from)
        : host_(host), cx_(host.cx), from_(std::move(from)),
          io_(std::move(s), host.cx.loop, static_cast<std::size_t>(host.options.limits.header_bytes)),
          parser_(limits_of(host.options)), entry_(host, io_, request_),
          limits_{host.options.limits.body, host.options.timeouts.body_idle, host.options.timeouts.write_idle,
                  host.options.timeouts.tunnel}
    {
        cx_.counts.step(telemetry::metric::connections, 1, state_);
    }
    ~session() { cx_.counts.step(telemetry::metric::connections, -1, state_); }
    session(const session&) = delete;
    session& operator=(const session&) = delete;

    async::task<> run()
    {
        std::size_t in_a_row = 0;
        for (;;) {
            // Read a head. The socket is awaited here and not in a child coroutine: a hit makes no frame of its own.
            io_.take_back();
            result<std::size_t> head = io_.received().empty() ? result<std::size_t>(std::size_t{0})
                                                              : parser_.parse(io_.received());
            if (head && *head == 0) {
                in_a_row = 0;
                entry_.idle = io_.received().empty();
                if (entry_.idle) {
                    become(telemetry::connection_state::idle);
                }
                if (host_.draining() && entry_.idle && !async::has_bytes(io_.socket().native_handle())) {
                    co_return;
                }
                auto limit = finished_ + (entry_.idle ? host_.options.timeouts.keep_alive : host_.options.timeouts.header);
                do {
                    io_.arm_at(limit);
                    error_code ec;
                    std::size_t n = 0;
                    // A short first read is followed by a try, so that a client that sends one request and half-closes is
                    // seen to be done; later ones are not, which saves a system call per request.
                    if (first_read_) {
                        n = co_await io_.socket().async_read_some(io_.prepare(), async::note_error(ec));
                        first_read_ = false;
                    } else {
                        n = co_await io_.socket().async_read_some(async::drained_buffer(io_.prepare()),
                                                                  async::note_error(ec));
                    }
                    if (ec) {
                        if (!io_.timed_out() || entry_.idle) {
                            co_return;   // closed by the client, drained, or idle for too long
                        }
                        head = errc::head_timeout;
                        break;
                    }
                    limit = note_bytes(n, limit);
                    head = parser_.parse(io_.received());
                } while (head && *head == 0);
            } else {
                started_ = steady::now();
                entry_.idle = false;
            }

            begin_request();
            if (!head) {
                co_await refuse(errc_of(head.error()));
                co_return;
            }
            take_head(*head);
            flow::decision d = flow::decide(request_, scratch_, cx_);
            flow::answered done;
            if (is_ready(d)) {
                unsent rest;
                done = answer_now(d, rest);
                if (rest.any) {
                    const error_code ec = co_await send_long(d.stored, rest);
                    done.close = static_cast<bool>(ec);
                    done.failure = ec ? errc::client_gone : done.failure;
                }
                if (d.renew != flow::renewal::none) {
                    flow::refresh(request_, d, cx_);
                }
            } else {
                io_.disarm();   // the wait for a request is over
                done = co_await flow::answer(request_, scratch_, d, io_, limits_, cx_);
            }
            account(done);
            if (done.reset) {
                error_code ignored;
                io_.socket().set_option(boost::asio::socket_base::linger(true, 0), ignored);
                io_.socket().close(ignored);   // explicitly: the destructor would take that option back
                co_return;
            }
            if (done.close || !request_.keep_alive) {
                co_await linger();
                co_return;
            }
            if (++in_a_row == host_.options.limits.pipeline) {
                in_a_row = 0;
                co_await boost::asio::post(cx_.loop.get_executor(), async::use_task);   // let other connections have a turn
            }
        }
    }

private:
    // Some of a head; returns how long the rest may take.
    steady::time_point note_bytes(std::size_t n, steady::time_point limit)
    {
        started_ = steady::now();
        if (entry_.idle) {
            entry_.idle = false;
            become(telemetry::connection_state::active);
            limit = started_ + host_.options.timeouts.header;
        }
        io_.commit(n);
        return limit;
    }

    void take_head(std::size_t size)
    {
        request_.head = parser_.head();
        request_.raw = io_.received().substr(0, size);
        io_.consume(size);
        if (request_.head.minor_version == 0 && !request_.head.has(header::host)) [[unlikely]] {
            request_.own_authority = own_authority();
        }
        request_.keep_alive = !wants_close(request_.head) && !host_.draining() && host_.options.timeouts.keep_alive.count() != 0;
        if (started_ > cx_.awake_until) [[unlikely]] {   // nobody kept the time: this process stood still
            cx_.awake_until = started_ + std::chrono::seconds(5);
            cx_.process.valid.suspend();
        }
    }

    // A hit or a refusal: nothing has to be waited for.
    static bool is_ready(const flow::decision& d) noexcept
    {
        return d.refused != errc{} || ((d.what == action::serve || d.what == action::serve_and_refresh) && !d.ranged);
    }

    using some_pieces = std::array<std::string_view, async::max_pieces>;

    // What the socket did not take at once.
    struct unsent {
        some_pieces out;
        std::size_t used = 1;    // of them
        std::size_t sent = 0;    // bytes of these
        byte_count at = 0;       // what is stored goes on there
        bool any = false;
    };

    // REQUIRES: is_ready(d).
    flow::answered answer_now(const flow::decision& d, unsent& rest)
    {
        if (d.refused != errc{}) {
            request_.keep_alive = request_.keep_alive && may_go_on_after(d.refused);
        }
        const flow::prepared p = flow::prepare(request_, d, io_, cx_.process.time);
        flow::answered done = p.done;
        rest.out[0] = io_.out();
        if (p.content_of != nullptr) {
            rest.used += flow::take_content(*p.content_of, rest.at, std::span(rest.out).subspan(1));
        }
        const flow::pieces first(rest.out.data(), rest.used);
        const auto sent = io_.try_send(first);
        if (!sent) {
            done.failure = errc::client_gone;
            done.close = true;
            return done;
        }
        rest.sent = *sent;
        rest.any = *sent < async::size_of(first) || (p.content_of != nullptr && rest.at < p.content_of->body_size());
        return done;
    }

    // Can the bytes that follow be trusted to begin a request? Not behind content that nobody read, and not from a client
    // that sends what no honest one would (RFC 9112 §11.2).
    bool may_go_on_after(errc refused) const noexcept
    {
        const framing& c = request_.content;
        const bool has_content = c.kind != framing_kind::none && !(c.kind == framing_kind::length && c.length == 0);
        return !has_content && flow::status_of(refused) != 400 && refused != errc::method_unknown &&
               refused != errc::method_not_allowed;
    }

    // Where this client has connected to, as it might have written it in Host.
    std::string_view own_authority()
    {
        error_code ec;
        const async::endpoint here = io_.socket().local_endpoint(ec);
        own_authority_ = ec || here.protocol().family() == AF_UNIX ? std::string("localhost") : async::text_of(here);
        return own_authority_;
    }

    void begin_request()
    {
        request_ = flow::request();
        request_.from = &from_;
        request_.now = cx_.process.time.now();
        request_.began = started_;
        cx_.ids.next(scratch_.id);
        request_.id = scratch_.id;
        sent_before_ = io_.bytes_sent();
    }

    // `stored` is null for errors of our own.
    async::task<error_code> send_long(entry_ptr stored, unsent rest)
    {
        error_code ec = co_await io_.send_rest(flow::pieces(rest.out.data(), rest.used), rest.sent, limits_.write_idle);
        while (!ec && stored != nullptr && rest.at < stored->body_size()) {
            rest.used = flow::take_content(*stored, rest.at, rest.out);
            ec = co_await io_.send(flow::pieces(rest.out.data(), rest.used), limits_.write_idle);
        }
        co_return ec;
    }

    // The head itself is unusable: answer and close, parse nothing behind it.
    async::task<> refuse(errc why)
    {
        request_.keep_alive = false;
        flow::decision d;
        d.refused = why;
        const flow::prepared p = flow::prepare(request_, d, io_, cx_.process.time);
        const std::array<std::string_view, 1> out{io_.out()};
        co_await io_.send(out, limits_.write_idle);
        account(p.done);
        co_await linger();
    }

    // Closing with unread bytes would reset the connection and may destroy the answer on its way (RFC 9112 §9.6):
    // half-close, then read what still comes, within bounds.
    async::task<> linger()
    {
        error_code ec;
        io_.socket().shutdown(async::socket::shutdown_send, ec);
        std::array<char, 4096> sink;
        const auto until = steady::now() + std::chrono::seconds(1);
        for (int i = 0; i < 64 && !ec; ++i) {
            if (const auto there = async::recv_now(io_.socket(), boost::asio::buffer(sink))) {
                ec = there->error();
                continue;
            }
            io_.arm_at(until);
            co_await io_.socket().async_read_some(boost::asio::buffer(sink), async::note_error(ec));
        }
        io_.disarm();
    }

    // One answer, counted once and logged once.
    void account(const flow::answered& a)
    {
        finished_ = steady::now();
        const auto took = finished_ - started_;
        const auto route = request_.route != nullptr ? telemetry::route_index(cx_.index_of(*request_.route)) : telemetry::no_route;
        cx_.counts.request(route, request_.tenant, a.what, took);
        if (a.failure != errc{} && a.failure != errc::client_gone && fault_of(a.failure) == fault::client) {
            cx_.counts.count(telemetry::metric::rejected_total, a.failure);
        }
        telemetry::access_record r;
        r.time = cx_.process.time.wall() - std::chrono::duration_cast<milliseconds>(took);
        r.duration = std::chrono::duration_cast<std::chrono::microseconds>(took);
        r.client = from_.address;
        r.method = request_.head.verb_text;
        r.target = request_.head.target;
        r.host = request_.target.host;
        r.minor_version = request_.head.minor_version;
        r.status = static_cast<unsigned>(a.status);
        r.bytes_sent = io_.bytes_sent() - sent_before_;
        r.route = request_.route != nullptr ? std::string_view(request_.route->name) : std::string_view();
        r.tenant = request_.tenant;
        r.what = a.what;
        r.why = a.why;
        r.forward = a.forward;
        r.from = tier_of(a.what);
        if (!request_.key.empty()) {
            r.key = stable_hash(request_.key);
        }
        r.request_id = request_.id;
        r.trace_id = trace_id_of(request_.head.first(header::traceparent));
        r.attempts = a.attempts;
        r.origin_duration = a.origin_time;
        r.user_agent = request_.head.first(header::user_agent);
        host_.log.write(r);
        host_.note_slow_origin(request_, a);
    }

    // The trace id within a traceparent value: version, "-", 32 digits, "-" … (W3C Trace Context).
    static std::string_view trace_id_of(std::string_view parent) noexcept
    {
        return parent.size() >= 55 && parent[2] == '-' && parent[35] == '-' ? parent.substr(3, 32) : std::string_view();
    }

    static telemetry::tier tier_of(outcome o) noexcept
    {
        switch (o) {
        case outcome::hit_l1:
        case outcome::stale: return telemetry::tier::l1;
        case outcome::hit_l2: return telemetry::tier::l2;
        case outcome::revalidated:
        case outcome::miss:
        case outcome::pass: return telemetry::tier::origin;
        case outcome::error:
        case outcome::last_: break;
        }
        return telemetry::tier::none;
    }

    void become(telemetry::connection_state s)
    {
        if (s != state_) {
            cx_.counts.step(telemetry::metric::connections, -1, state_);
            cx_.counts.step(telemetry::metric::connections, 1, s);
            state_ = s;
        }
    }

    session_host& host_;
    flow::worker_context& cx_;
    flow::peer from_;
    flow::client_io io_;
    request_head_parser parser_;
    connection_entry entry_;
    flow::client_limits limits_;
    flow::request_scratch scratch_;
    std::string own_authority_;
    flow::request request_;
    steady::time_point started_{};
    steady::time_point finished_ = steady::now();   // of the last answer; at first, of the accept
    byte_count sent_before_ = 0;
    bool first_read_ = true;
    telemetry::connection_state state_ = telemetry::connection_state::idle;
};

}  // namespace

async::task<> serve_connection(session_host& host, async::socket s, flow::peer from)
{
    session one(host, std::move(s), std::move(from));
    co_await one.run();
}

}  // namespace tiercel::server
