#include "server/worker.hpp"

#include "flow/problem_table.hpp"
#include "flow/reply.hpp"

#include <tiercel/check.hpp>

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/redirect_error.hpp>

#include <stdexcept>

namespace tiercel::server {
namespace {

using namespace std::chrono_literals;

// Who stood still for longer, be it by SIGSTOP or with the whole machine, does not know what was invalidated meanwhile.
constexpr auto longest_standstill = 5s;

// What a client gets that comes when there is no room, before it has asked for anything.
std::string full_house(flow::worker_context& cx)
{
    std::string id;
    cx.ids.next(id);
    flow::request nobody;
    nobody.id = id;
    nobody.keep_alive = false;
    constexpr errc why = errc::too_many_connections;
    std::string out;
    flow::compose_problem(out, nobody, why, flow::status_of(why), 1s, flow::answered(), cx.process.time.wall());
    return out;
}

async::acceptor opened(result<async::acceptor> a, const async::endpoint& at)
{
    if (!a) {
        throw std::runtime_error(async::text_of(at) + ": " + a.error().message());
    }
    return std::move(*a);
}

}  // namespace

// Passes on to the counting observer, and keeps the state where other threads may read it.
class worker::recording_l2_observer final : public l2::observer {
public:
    recording_l2_observer(telemetry::cells& counts, server_shared& shared, std::atomic<l2::state>& shown)
        : inner_(counts, shared.log, shared.redis_reachable, shared.hears_wakes), shown_(shown) {}
    virtual ~recording_l2_observer() = default;

    void on_call(l2::op o, std::chrono::steady_clock::duration took) override { inner_.on_call(o, took); }
    void on_failure(l2::op o, l2::reason why) override { inner_.on_failure(o, why); }
    void on_state(l2::state s, std::string_view why) override
    {
        shown_.store(s, std::memory_order_relaxed);
        inner_.on_state(s, why);
    }
    void on_lease_lost() override { inner_.on_lease_lost(); }
    void on_wake_channel(bool heard, std::string_view why) override { inner_.on_wake_channel(heard, why); }

private:
    l2_observer inner_;
    std::atomic<l2::state>& shown_;
};

worker::worker(server_shared& shared, bool first)
    : shared_(shared), counts_(shared.metrics.attach()), lane_(shared.access.open_lane()),
      context_{shared.process, loop_, nullptr, {}, counts_, {}, {}}, host_(context_, shared.options, lane_, shared.log, shared.slow_origin, shared.connections),
      housekeeping_(loop_.wheel(), [](void* self) { static_cast<worker*>(self)->on_housekeeping(); }, this), first_(first)
{
    if (shared.l2.kind != l2::kind::none) {
        l2_observer_ = std::make_unique<recording_l2_observer>(counts_, shared, l2_state_);
        l2_ = l2::make_store(shared.l2, {loop_, shared.process.time, *l2_observer_, shared.memory_l2, &shared.process.valid,
                                        shared.wakes, first});
        context_.l2 = l2_.get();
    }
    for (std::size_t i = 0; i < shared.upstreams.size(); ++i) {
        origin::upstream& up = *shared.upstreams[i];
        origin_observers_.push_back(
            std::make_unique<origin_observer>(counts_, shared.log, telemetry::origin_index(i), up.name()));
        origins_.push_back(std::make_unique<origin::client>(loop_, up, *origin_observers_.back()));
    }
    for (const std::size_t at : shared.upstream_of_route) {
        context_.origins.push_back(origins_[at].get());
    }
}

worker::~worker()
{
    TIERCEL_CHECK(!thread_.joinable());
}

void worker::listen(const async::listen_address& where)
{
    acceptors_.push_back(opened(async::open_listener(loop_.context(), where, true), where.at));
}

void worker::join(worker& first)
{
    for (async::acceptor& a : first.acceptors_) {
        acceptors_.push_back(opened(async::join_listener(loop_.context(), a), a.local_endpoint()));
    }
}

std::vector<std::string> worker::addresses() const
{
    std::vector<std::string> out;
    for (const async::acceptor& a : acceptors_) {
        out.push_back(async::text_of(a.local_endpoint()));
    }
    return out;
}

void worker::start()
{
    thread_ = std::thread([this] { run(); });
}

void worker::run()
{
    if (l2_ != nullptr) {
        l2_->start();
    }
    for (async::acceptor& a : acceptors_) {
        auto accepting = accept_on(a, sessions_.try_enter());
        boost::asio::co_spawn(loop_.get_executor(), std::move(accepting), boost::asio::detached);
    }
    context_.awake_until = async::steady::now() + longest_standstill;
    housekeeping_.expires_after(1s);
    loop_.context().run();
}

void worker::wait()
{
    if (thread_.joinable()) {
        thread_.join();
    }
}

async::task<> worker::accept_on(async::acceptor& a, async::drain_gate::pass inside)
{
    async::drain_gate::pass held = std::move(inside);
    while (!stopping_) {
        async::socket s(loop_.get_executor());
        error_code ec;
        co_await a.async_accept(s, boost::asio::redirect_error(async::use_task, ec));
        if (!ec) {
            // Accepted just before the drain began: the gate is closed to new ones, so this one goes in our place.
            auto pass = stopping_ ? std::move(held) : sessions_.try_enter();
            welcome_or_drop(std::move(s), std::move(pass));
        } else if (ec != boost::asio::error::operation_aborted && ec != boost::asio::error::connection_aborted) {
            // Out of descriptors, most likely: accepting at once again would only spin.
            TIERCEL_LOG(shared_.log, error, "accept", "cannot accept error={}", ec.message());
            async::event pause(loop_.context(), loop_.wheel());
            co_await pause.wait_until(async::steady::now() + 100ms);
        }
    }
}

void worker::welcome(async::socket s, async::drain_gate::pass inside)
{
    const std::optional<async::peer_name> who = async::name_of_peer(s);
    if (!who) {
        return;   // it has reset the connection; its request must not be taken for that of somebody who is trusted
    }
    flow::peer from;
    from.address = who->address;
    const auto ip = routing::parse_ip(from.address);
    // Who may open our unix socket is decided by the file system.
    from.trusted = who->is_unix || (ip && shared_.process.trusted.contains(*ip));
    from.may_purge = who->is_unix || (ip && shared_.process.purgers.contains(*ip));
    const limit_options& limits = shared_.options.limits;
    const bool full = shared_.connections.load(std::memory_order_relaxed) >= limits.connections;
    client_counter::place place = full ? client_counter::place() : shared_.clients.try_enter(from.address, limits.connections_per_client);
    if (!place) {
        counts_.count(telemetry::metric::rejected_total, errc::too_many_connections);
        error_code ignored;
        s.non_blocking(true, ignored);
        s.write_some(boost::asio::buffer(full_house(context_)), ignored);
        return;
    }
    error_code ignored;
    s.set_option(boost::asio::ip::tcp::no_delay(true), ignored);   // refused for unix sockets, which need it not
    auto serving = serve(std::move(s), std::move(from), std::move(place), std::move(inside));
    boost::asio::co_spawn(loop_.get_executor(), std::move(serving), boost::asio::detached);
}

void worker::welcome_or_drop(async::socket s, async::drain_gate::pass inside)
{
    try {
        welcome(std::move(s), std::move(inside));
    } catch (const std::exception& e) {   // out of memory: that one is lost, but the next ones must be accepted
        TIERCEL_LOG(shared_.log, error, "accept", "connection dropped what={}", e.what());
    }
}

// Whoever the kernel has accepted may have sent a request already; closing the listening socket would reset them.
void worker::welcome_those_waiting(async::acceptor& a)
{
    error_code ec;
    while (!ec || ec == boost::asio::error::connection_aborted) {
        async::socket s(loop_.get_executor());
        a.accept(s, ec);   // does not wait
        if (!ec) {
            welcome_or_drop(std::move(s), sessions_.try_enter());
        }
    }
}

async::task<> worker::serve(async::socket s, flow::peer from, client_counter::place place, async::drain_gate::pass inside)
{
    const async::drain_gate::pass held = std::move(inside);
    const client_counter::place counted = std::move(place);
    try {
        co_await serve_connection(host_, std::move(s), std::move(from));
    } catch (const std::exception& e) {
        TIERCEL_LOG(shared_.log, error, "session", "connection ended by an exception what={}", e.what());
    }
}

void worker::on_housekeeping()
{
    counts_.set(telemetry::metric::loop_lag_seconds, loop_.wheel().lag());
    const auto now = async::steady::now();
    if (now > context_.awake_until) {
        shared_.process.valid.suspend();   // we may be the first to notice the standstill
    }
    context_.awake_until = now + longest_standstill;
    if (first_) {
        shared_.process.l1.expire(shared_.process.time.now(), 4096);
    }
    housekeeping_.expires_after(1s);
}

void worker::drain(std::function<void()> done)
{
    loop_.post([this, done = std::move(done)]() mutable {
        on_drained_ = std::move(done);
        stopping_ = true;
        for (async::acceptor& a : acceptors_) {
            welcome_those_waiting(a);
            error_code ignored;
            a.close(ignored);
        }
        host_.drain();
        // The last session may be on the stack when it leaves: go on from the loop.
        sessions_.close([this] {
            loop_.post([this] {
                auto stopping = stop_backends();
                boost::asio::co_spawn(loop_.get_executor(), std::move(stopping), boost::asio::detached);
            });
        });
    });
}

void worker::abort()
{
    loop_.post([this] {
        host_.abort();
        context_.giving_up = true;
        for (const auto& o : origins_) {
            o->abort();
        }
    });
}

async::task<> worker::stop_backends()
{
    // Background fills get a moment to end by themselves, then their origins are taken from them.
    async::event empty(loop_.context(), loop_.wheel());
    loop_.gate().close([&empty] { empty.set(); });
    bool ended = co_await empty.wait_until(async::steady::now() + 500ms);
    for (const auto& o : origins_) {
        o->abort();
    }
    while (!ended) {   // the gate refers to `empty`; the process has a limit of its own for all of this
        ended = co_await empty.wait_until(async::steady::now() + 1h);
    }
    if (l2_ != nullptr) {
        co_await l2_->stop();
    }
    housekeeping_.disarm();
    if (on_drained_) {
        std::exchange(on_drained_, nullptr)();
    }
    loop_.context().stop();
}

}  // namespace tiercel::server
