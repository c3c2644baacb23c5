#include "admin/admin_server.hpp"

#include "admin/api.hpp"

#include "async/event.hpp"
#include "async/listener.hpp"
#include "async/loop.hpp"
#include "async/task.hpp"

#include <tiercel/check.hpp>

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/connect.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/executor_work_guard.hpp>
#include <boost/asio/redirect_error.hpp>
#include <boost/beast/core/flat_buffer.hpp>
#include <boost/beast/http/parser.hpp>
#include <boost/beast/http/read.hpp>
#include <boost/beast/http/write.hpp>

#include <algorithm>
#include <exception>
#include <list>
#include <memory>
#include <optional>
#include <thread>
#include <unistd.h>
#include <utility>

namespace tiercel::admin {
namespace {

using namespace std::chrono_literals;
namespace asio = async::asio;
namespace beast = boost::beast;
using async::task;
using async::use_task;


// The refusal for what could not be read, if the client is owed one.
std::optional<response> refusal_of(error_code ec, bool timed_out)
{
    using http::error;
    if (timed_out) {
        return make_problem(http::status::request_timeout, "The request did not arrive in time.");
    }
    if (ec == error::header_limit) {
        return make_problem(http::status::request_header_fields_too_large, "The header section is too large.");
    }
    if (ec == error::body_limit) {
        return make_problem(http::status::payload_too_large, "The body is too large.");
    }
    const bool malformed = ec.category() == make_error_code(error::end_of_stream).category();
    if (malformed && ec != error::end_of_stream && ec != error::partial_message) {
        return make_problem(http::status::bad_request, "The request is malformed.");
    }
    return std::nullopt;
}

}  // namespace

class admin_server::impl {
public:
    impl(const admin_options& options, admin_source& source, const admin_limits& limits)
        : options_(options), source_(source), limits_(limits), acceptor_(loop_.context()),
          resumed_(loop_.context(), loop_.wheel()) {}

    error_code start()
    {
        const auto where = async::parse_listen_address(options_.listen);
        TIERCEL_CHECK(where.has_value());
        auto opened = async::open_listener(loop_.context(), *where, false);
        if (!opened) {
            return opened.error();
        }
        acceptor_ = std::move(*opened);
        unlink_at_end_ = where->unix_path;
        port_ = async::port_of(acceptor_.local_endpoint());
        asio::co_spawn(loop_.context(), accept(loop_.gate().try_enter()), asio::detached);
        thread_ = std::thread([this] { loop_.context().run(); });
        return {};
    }

    // REQUIRES: start() succeeded.
    void stop()
    {
        loop_.post([this] { begin_stop(); });
        thread_.join();
        if (!unlink_at_end_.empty()) {
            ::unlink(unlink_at_end_.c_str());
        }
    }

    std::uint16_t port() const noexcept { return port_; }

private:
    static constexpr std::chrono::milliseconds longest_call{65'000};
    static constexpr std::chrono::milliseconds last_wait{1'000};   // for a client in the middle of a request at stop()

    // One client connection, as stop() sees it. Lives in the frame of serve().
    struct connection {
        connection(async::socket s, impl& o)
            : owner(o), socket(std::move(s)), self(o.connections_.insert(o.connections_.end(), this)),
              limit(o.loop_.wheel(), [](void* c) { static_cast<connection*>(c)->expire(); }, this) {}
        ~connection() { owner.connections_.erase(self); }

        // From now on the current wait may take so long; less when the server is stopping.
        void allow(std::chrono::milliseconds d)
        {
            timed_out = false;
            limit.expires_after(owner.stopping_ ? std::min(d, last_wait) : d);
        }
        void expire()
        {
            timed_out = true;
            cancel();
        }
        void cancel()
        {
            error_code ignored;
            socket.cancel(ignored);
        }

        impl& owner;
        async::socket socket;
        std::list<connection*>::iterator self;
        async::deadline limit;
        beast::flat_buffer buffer;
        bool timed_out = false;
        bool idle = true;          // no byte of a request has come
    };

    void begin_stop()
    {
        stopping_ = true;
        error_code ignored;
        acceptor_.close(ignored);
        resumed_.set();
        for (auto* c : connections_) {
            if (c->idle) {
                c->cancel();
            } else {
                c->limit.expires_after(last_wait);
            }
        }
        loop_.gate().close([this] { keep_running_.reset(); });
    }

    task<> accept(async::drain_gate::pass)
    {
        while (!stopping_) {
            error_code ec;
            auto socket = co_await acceptor_.async_accept(asio::redirect_error(use_task, ec));
            if (!ec && connections_.size() < 2 * limits_.connections) {
                asio::co_spawn(loop_.context(), serve(std::move(socket), loop_.gate().try_enter()), asio::detached);
            } else if (ec && !stopping_) {
                // Out of descriptors, most likely; asking again at once would only spin.
                co_await resumed_.wait_until(async::steady::now() + 100ms);
            }
        }
    }

    task<> serve(async::socket socket, async::drain_gate::pass)
    {
        connection c(std::move(socket), *this);
        const bool crowded = connections_.size() > limits_.connections;
        bool more = !stopping_;
        while (more) {
            more = co_await serve_one(c, crowded);
        }
        error_code ignored;
        c.socket.shutdown(asio::socket_base::shutdown_both, ignored);
    }

    // Reads one request and answers it. True: the connection may carry another.
    task<bool> serve_one(connection& c, bool crowded)
    {
        http::request_parser<http::string_body> parser;
        parser.header_limit(limits_.header_bytes);
        parser.body_limit(limits_.body_bytes);
        const error_code ec = co_await read(c, parser, crowded);

        std::optional<response> rs;
        if (ec) {
            rs = refusal_of(ec, c.timed_out && !c.idle);
        } else if (crowded) {
            rs = make_problem(http::status::service_unavailable, "Too many admin connections are open.");
            rs->set(http::field::retry_after, "1");
        } else {
            rs = co_await guarded_answer(parser.get());
        }
        if (!rs) {
            co_return false;
        }
        const bool keep = !ec && !crowded && !stopping_ && parser.get().keep_alive();
        const bool head_only = !ec && parser.get().method() == http::verb::head;
        co_return co_await write(c, std::move(*rs), keep, head_only);
    }

    // An answer on its way, perhaps from another thread. Lives and dies on this loop.
    struct arriving {
        explicit arriving(async::loop& l) : here(l.context(), l.wheel()) {}
        async::event here;
        std::optional<response> what;
    };

    // What the process tells about itself must never end its telling.
    task<response> guarded_answer(const request& rq)
    {
        const auto mine = std::make_shared<arriving>(loop_);
        const auto theirs = std::make_shared<std::shared_ptr<arriving>>(mine);
        answer_handler done = [theirs, this](response rs) {
            if (*theirs != nullptr) {
                loop_.post([a = std::exchange(*theirs, nullptr), rs = std::move(rs)]() mutable {
                    a->what.emplace(std::move(rs));
                    a->here.set();
                });
            }
        };
        try {
            answer(rq, options_, source_, std::move(done));
        } catch (const std::exception&) {
            *theirs = nullptr;
            co_return make_problem(http::status::internal_server_error, "The answer could not be made.");
        }
        co_await mine->here.wait_until(async::steady::now() + longest_call);
        if (!mine->what) {
            co_return make_problem(http::status::gateway_timeout, "The answer did not come in time.");
        }
        co_return std::move(*mine->what);
    }

    task<error_code> read(connection& c, http::request_parser<http::string_body>& parser, bool crowded)
    {
        c.idle = c.buffer.size() == 0;
        if (c.idle) {
            c.allow(crowded ? limits_.head : limits_.keep_alive);
            error_code ec;
            const auto room = c.buffer.prepare(2048);
            const auto n = co_await c.socket.async_read_some(room, asio::redirect_error(use_task, ec));
            c.buffer.commit(n);
            if (ec) {
                co_return ec;
            }
        }
        c.idle = false;
        c.allow(limits_.head);
        error_code ec;
        co_await http::async_read(c.socket, c.buffer, parser, asio::redirect_error(use_task, ec));
        co_return ec;
    }

    task<bool> write(connection& c, response rs, bool keep, bool head_only)
    {
        rs.keep_alive(keep);
        rs.prepare_payload();
        if (head_only) {
            const auto length = rs[http::field::content_length];
            TIERCEL_CHECK(!length.empty());
            rs.body().clear();   // after its length has been written down (RFC 9110 §9.3.2)
        }
        c.allow(limits_.write);
        error_code ec;
        http::response_serializer<http::string_body> serializer(rs);
        if (head_only) {
            co_await http::async_write_header(c.socket, serializer, asio::redirect_error(use_task, ec));
        } else {
            co_await http::async_write(c.socket, serializer, asio::redirect_error(use_task, ec));
        }
        co_return keep && !ec;
    }

    const admin_options& options_;
    admin_source& source_;
    const admin_limits& limits_;
    async::loop loop_;
    async::acceptor acceptor_;
    async::event resumed_;                   // set by stop, for an accept loop that pauses
    std::list<connection*> connections_;     // of this loop's sessions
    std::optional<asio::executor_work_guard<async::executor>> keep_running_{loop_.get_executor()};
    bool stopping_ = false;
    std::uint16_t port_ = 0;
    std::string unlink_at_end_;
    std::thread thread_;
};

admin_server::admin_server(admin_options options, admin_source& source, admin_limits limits)
    : options_(std::move(options)), source_(source), limits_(limits) {}

admin_server::~admin_server() { stop(); }

error_code admin_server::start()
{
    TIERCEL_CHECK(impl_ == nullptr);
    auto made = std::make_unique<impl>(options_, source_, limits_);
    if (const auto ec = made->start()) {
        return ec;
    }
    impl_ = std::move(made);
    return {};
}

void admin_server::stop()
{
    if (impl_) {
        impl_->stop();
        impl_.reset();
    }
}

std::uint16_t admin_server::port() const noexcept { return impl_ ? impl_->port() : std::uint16_t{0}; }

}  // namespace tiercel::admin
