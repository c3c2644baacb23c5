#include "flow/tunnel.hpp"

#include "async/drained_read.hpp"
#include "async/event.hpp"

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/redirect_error.hpp>

#include <array>
#include <memory>

namespace tiercel::flow {
namespace {

namespace asio = boost::asio;

constexpr std::size_t buffer_size = 16 * 1024;

class tunnel {
public:
    tunnel(client_io& io, origin::connection& link, std::chrono::milliseconds idle)
        : io_(io), link_(link), idle_(idle),
          limit_(io.loop().wheel(), [](void* self) { static_cast<tunnel*>(self)->end_as(tunnel_end::idle); }, this),
          other_ended_(io.loop().context(), io.loop().wheel())
    {
    }

    async::task<tunnel_end> run()
    {
        limit_.expires_after(idle_);
        // Whoever awaits us has a pass of a gate already, so this one is due even while the gate is closed.
        auto other = to_client(async::drain_gate::pass(io_.loop().gate()));
        asio::co_spawn(io_.loop().context(), std::move(other), asio::detached);
        co_await to_origin();
        while (!other_ended_.is_set()) {
            co_await other_ended_.wait_until(async::steady::time_point::max());
        }
        limit_.disarm();
        co_return end_;
    }

private:
    async::task<> to_origin()
    {
        const std::string_view early = io_.received();
        try {
            co_await pass_on(io_, link_, early);
        } catch (const std::exception&) {   // out of memory; the other direction must not be left behind
            end_as(tunnel_end::broken);
        }
        io_.consume(early.size());
    }

    async::task<> to_client([[maybe_unused]] async::drain_gate::pass inside)
    {
        try {
            co_await pass_on(link_, io_, link_.received());
        } catch (const std::exception&) {
            end_as(tunnel_end::broken);
        }
        other_ended_.set();
    }

    // One direction, until its end.
    template <class From, class To>
    async::task<> pass_on(From& from, To& to, std::string_view early)
    {
        bool broken = !co_await send(to, early);
        const auto buffer = std::make_unique_for_overwrite<char[]>(buffer_size);
        while (!broken && !over_) {
            const auto n = co_await receive(from, asio::buffer(buffer.get(), buffer_size));
            if (!n) {
                // What the client breaks is broken for the origin too; the other way round is the caller's to do.
                end_as(n.error() == asio::error::connection_reset && is_origin(from) ? tunnel_end::reset_by_origin : tunnel_end::broken);
                co_return;
            }
            if (*n == 0) {
                end_sending(to);
                co_return;
            }
            limit_.expires_after(idle_);
            broken = !co_await send(to, std::string_view(buffer.get(), *n));
        }
        end_as(tunnel_end::broken);
    }

    // Zero bytes: the end.
    template <class From>
    async::task<result<std::size_t>> receive(From& from, asio::mutable_buffer into)
    {
        error_code ec;
        std::size_t n = 0;
        if (const auto there = recv_now(from, into)) {
            ec = there->error();
            n = ec ? 0 : **there;
        } else if (is_secure(from)) {
            n = co_await link_.read_secure(into, ec);
        } else {
            n = co_await from.socket().async_read_some(async::drained_buffer(into), asio::redirect_error(async::use_task, ec));
        }
        if (ec && ec != asio::error::eof) {
            co_return ec;
        }
        co_return n;
    }

    template <class To>
    async::task<bool> send(To& to, std::string_view bytes)
    {
        while (!bytes.empty()) {
            const std::array<std::string_view, 1> piece{bytes};
            const auto n = to.try_send(piece);
            if (!n) {
                co_return false;
            }
            bytes.remove_prefix(*n);
            if (*n > 0) {
                limit_.expires_after(idle_);
            }
            if (!bytes.empty()) {
                error_code ec;
                co_await to.socket().async_wait(async::socket::wait_write, asio::redirect_error(async::use_task, ec));
                if (ec || over_) {
                    co_return false;
                }
            }
        }
        co_return true;
    }

    void end_as(tunnel_end how)
    {
        if (!over_) {
            over_ = true;
            end_ = how;
            error_code ignored;
            io_.socket().cancel(ignored);
            link_.cancel();
        }
    }

    static std::optional<result<std::size_t>> recv_now(client_io& from, asio::mutable_buffer into)
    {
        return async::recv_now(from.socket(), into);
    }
    static std::optional<result<std::size_t>> recv_now(origin::connection& from, asio::mutable_buffer into)
    {
        return from.recv_now(into);
    }
    static void end_sending(client_io& to)
    {
        error_code ignored;
        to.socket().shutdown(async::socket::shutdown_send, ignored);
    }
    static void end_sending(origin::connection& to) { to.end_sending(); }
    static bool is_secure(const client_io&) noexcept { return false; }
    static bool is_secure(const origin::connection& c) noexcept { return c.is_secure(); }
    static bool is_origin(const client_io&) noexcept { return false; }
    static bool is_origin(const origin::connection&) noexcept { return true; }

    client_io& io_;
    origin::connection& link_;
    const std::chrono::milliseconds idle_;
    async::deadline limit_;
    async::event other_ended_;
    tunnel_end end_ = tunnel_end::closed;
    bool over_ = false;               // both directions are to end
};

}  // namespace

async::task<tunnel_end> run_tunnel(client_io& io, origin::connection& link, std::chrono::milliseconds idle)
{
    io.disarm();
    link.disarm();
    tunnel one(io, link, idle);
    const tunnel_end how = co_await one.run();
    if (how == tunnel_end::broken) {
        link.close_with_reset();
    }
    co_return how;
}

}  // namespace tiercel::flow
