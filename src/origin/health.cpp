#include "origin/health.hpp"

#include "async/drained_read.hpp"
#include "origin/connection.hpp"
#include "origin/policies.hpp"

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>

#include <array>

namespace tiercel::origin {
namespace {

constexpr double jitter = 0.2;

std::string request_of(const endpoint& where, const health_options& o)
{
    const address& a = where.where();
    const std::string host = a.is_unix() ? "localhost" : a.host.find(':') != a.host.npos ? "[" + a.host + "]" : a.host;
    return "GET " + o.path + " HTTP/1.1\r\nHost: " + host + "\r\nUser-Agent: tiercel-health\r\nAccept: */*\r\nConnection: close\r\n\r\n";
}

}  // namespace

struct health_checker::watch {
    watch(health_checker& owner, upstream& u, endpoint& e)
        : up(u), where(e), request(request_of(e, u.options().health)), wake(owner.loop_.context(), owner.loop_.wheel()),
          random(spread(reinterpret_cast<std::uintptr_t>(this)))
    {
    }

    upstream& up;
    endpoint& where;
    const std::string request;
    async::event wake;                   // set: stop
    connection_slots slots{1};           // beside the pool: a check does not wait for a turn
    tls_memory tls;
    connection* link = nullptr;          // of the check under way
    std::uint64_t random;
    unsigned run = 0;                    // checks in a row that say otherwise than the state
};

health_checker::health_checker(const std::vector<upstream*>& upstreams, report tell) : tell_(std::move(tell))
{
    for (upstream* up : upstreams) {
        if (up->options().health.path.empty()) {
            continue;
        }
        for (const auto& e : up->endpoints()) {
            watches_.emplace_back(*this, *up, *e);
        }
    }
}

health_checker::~health_checker() { stop(); }

void health_checker::start()
{
    if (watches_.empty()) {
        return;
    }
    for (watch& w : watches_) {
        boost::asio::co_spawn(loop_.context(), run(w, async::drain_gate::pass(loop_.gate())), boost::asio::detached);
    }
    thread_ = std::thread([this] { loop_.context().run(); });
}

void health_checker::stop()
{
    if (!thread_.joinable()) {
        return;
    }
    loop_.post([this] {
        stopping_ = true;
        for (watch& w : watches_) {
            w.wake.set();
            if (w.link != nullptr) {
                w.link->abort();
            }
        }
    });
    thread_.join();   // the loop ends when no check is left
}

async::task<> health_checker::run(watch& w, [[maybe_unused]] async::drain_gate::pass inside)
{
    const health_options& o = w.up.options().health;
    while (!stopping_) {
        w.random = spread(w.random + split_mix_step);
        const double part = 1 - jitter + 2 * jitter * (static_cast<double>(w.random >> 11) * 0x1p-53);
        const auto next = steady::now() + std::chrono::duration_cast<steady::duration>(o.interval * part);
        co_await w.wake.wait_until(next);
        if (stopping_) {
            break;
        }
        const bool well = co_await is_well(w);
        if (stopping_) {
            break;
        }
        w.run = well == w.where.is_healthy() ? 0 : w.run + 1;
        if (w.run >= (well ? o.up_after : o.down_after)) {
            w.run = 0;
            w.where.is_healthy(well);
            tell_(w.up, w.where, well);
        }
    }
}

// An answer of 2xx or 3xx, in time.
async::task<bool> health_checker::is_well(watch& w)
{
    const auto until = steady::now() + w.up.options().health.timeout;
    auto claim = w.slots.try_claim(loop_, 0);
    connection link(loop_, std::move(claim.granted), {.header_bytes = 64 * 1024, .header_count = 1000});
    w.link = &link;
    const auto addresses = w.where.addresses();
    error_code ec = co_await link.connect(*addresses, until, w.where.tls(), w.tls);
    bool well = false;
    if (!ec) {
        link.begin_exchange();
        link.arm(until);
        const std::array<std::string_view, 1> all{w.request};
        const auto sent = link.try_send(all);   // a new connection takes that much at once
        bool waits = sent && *sent == w.request.size();
        while (waits) {
            const auto head = link.parser().parse(link.received());
            if (!head) {
                break;
            }
            if (*head != 0) {
                const int status = link.parser().head().status;
                waits = status < 200;   // an interim answer is none yet
                well = status >= 200 && status < 400;
                link.consume(*head);
                continue;
            }
            const auto room = link.room();
            std::size_t n = 0;
            if (const auto there = link.recv_now(room)) {
                ec = there->error();
                n = ec ? 0 : **there;
            } else if (link.is_secure()) {
                n = co_await link.read_secure(room, ec);
            } else {
                n = co_await link.socket().async_read_some(async::drained_buffer(room), async::note_error(ec));
            }
            if (ec) {
                break;
            }
            link.commit(n);
        }
        link.disarm();
    }
    w.link = nullptr;
    co_return well;
}

}  // namespace tiercel::origin
