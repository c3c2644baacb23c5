#pragma once

// TLS to an endpoint, by OpenSSL over the descriptor of a connection: each call does what can be done now and says what has
// to be awaited, as the plain calls do (async/send_now.hpp, async::recv_now). So whoever waits need not know the difference.
//
// A server is believed if its certificate leads to a known authority and names the host that was asked for. There is no
// renegotiation, and nothing below TLS 1.2.

#include "async/send_now.hpp"
#include "origin/options.hpp"

#include <tiercel/error.hpp>

#include <boost/asio/buffer.hpp>

#include <cstdint>
#include <memory>
#include <mutex>
#include <optional>
#include <string>

struct ssl_st;
struct ssl_ctx_st;
struct ssl_session_st;

namespace tiercel::origin {

struct free_tls {
    void operator()(ssl_st* s) const noexcept;
    void operator()(ssl_session_st* s) const noexcept;
};

// The last session with an endpoint on one loop, so that the next handshake is a short one.
// Thread: the loop's only. REQUIRES: outlives the links it was given to.
struct tls_memory {
    std::unique_ptr<ssl_session_st, free_tls> session;
    std::uint64_t generation = 0;      // of the settings it was made with
};

// What one connection speaks once it stands.
// Thread: the loop's only.
class tls_link {
public:
    enum class step : std::uint8_t { done, wants_read, wants_write, failed };

    tls_link(std::unique_ptr<ssl_st, free_tls> s, int descriptor);
    ~tls_link();                       // says goodbye, so that the end cannot be taken for a truncation (RFC 9112 §9.8)
    tls_link(const tls_link&) = delete;
    tls_link& operator=(const tls_link&) = delete;

    step try_handshake();
    const std::string& problem() const noexcept { return problem_; }   // of a handshake that failed, for the log

    // As async::send_now. REQUIRES: after 0, the next call begins with the same bytes.
    std::optional<std::size_t> send_now(async::pieces what) noexcept;
    // As async::recv_now; an end that was not announced is a reset.
    std::optional<result<std::size_t>> recv_now(boost::asio::mutable_buffer into) noexcept;
    // What to await after recv_now() had nothing.
    bool waits_to_write() const noexcept { return waits_to_write_; }
    bool is_quiet() noexcept;          // nothing to read, not at its end
    void say_no_more() noexcept { broken_ = true; }   // no goodbye either
    void end_sending() noexcept;       // the other side will see an end; receiving goes on

private:
    std::unique_ptr<ssl_st, free_tls> ssl_;
    std::string problem_;
    bool established_ = false;
    bool broken_ = false;
    bool half_sent_ = false;           // a record is waiting for room in the socket
    bool waits_to_write_ = false;
    bool ended_ = false;
};

// How to speak TLS to one endpoint: certificates, authorities, names.
// Thread: any.
class tls_settings {
public:
    // Reads the files that are named. `host`: of the endpoint. Throws std::runtime_error with half a sentence for the
    // operator: what cannot be used.
    tls_settings(tls_options options, std::string host);
    ~tls_settings();

    // `memory` is used for this link and for those after it.
    std::unique_ptr<tls_link> make_link(int descriptor, tls_memory& memory) const;

    // Reads the files again if one of them has changed since; what is open stays as it is. False: nothing has changed.
    // Throws as the constructor does, and then the old ones stay in use.
    bool reload();

private:
    using context = std::shared_ptr<ssl_ctx_st>;
    struct state {
        context ctx;
        std::uint64_t generation = 1;
        std::string stamps;            // of the files, to see that they have changed
    };

    const tls_options options_;
    const std::string name_;           // asked for, and expected in the certificate
    const bool is_literal_;            // an IP address
    mutable std::mutex mutex_;
    state state_;
};

// Why these options cannot be used, files included; empty when they can.
std::string problem(const tls_options& o);

}  // namespace tiercel::origin
