#pragma once

// A client that sends exactly the bytes it is told to, and reads answers by the letter.

#include "support/http_message.hpp"

#include <filesystem>
#include <string>
#include <string_view>

namespace tiercel::test {

// One address, at most one connection at a time. Calls throw timed_out, peer_closed or protocol_error.
class raw_client {
public:
    explicit raw_client(std::uint16_t port, std::string address = "127.0.0.1");
    explicit raw_client(std::filesystem::path unix_socket);

    // How long each call below may take.
    void set_timeout(std::chrono::milliseconds t) { timeout_ = t; }

    // ---- requests: connect when needed, keep the connection alive, send Host unless given ----
    http_response get(std::string_view target, const header_list& fields = {});
    http_response request(std::string_view method, std::string_view target, const header_list& fields = {},
                          std::string_view body = {});

    // ---- bytes ----
    void connect();   // also to begin anew on a fresh connection
    bool is_connected() const noexcept { return stream_.is_open(); }
    void send(std::string_view bytes);
    bool try_send(std::string_view bytes);   // false: the peer has closed meanwhile
    http_response read_response(bool to_head = false);
    std::string read_until(std::string_view end) { return stream_.read_until(end, 1'000'000, after(timeout_)); }
    std::string read_some() { return stream_.read_some(after(timeout_)); }
    std::string read_exactly(std::size_t n) { return stream_.read_exactly(n, after(timeout_)); }
    std::string read_to_end() { return stream_.read_to_end(after(timeout_)); }
    bool is_closed_by_peer() { return stream_.is_closed_by_peer(after(timeout_)); }
    // Nothing arrives for that long. For asserting that something does not happen; keep it short.
    bool is_silent_for(std::chrono::milliseconds t);
    void shutdown_send() { stream_.shutdown_send(); }
    void reset() { stream_.reset(); }
    void close() { stream_.close(); }

    // Connect, send, read all until the peer closes. For hostile requests, where several answers or none may come.
    std::string exchange(std::string_view bytes);

    const std::string& host() const noexcept { return host_; }   // "127.0.0.1:PORT", what Host says by default

private:
    std::string address_;
    std::uint16_t port_ = 0;
    std::filesystem::path unix_socket_;
    std::string host_;
    std::chrono::milliseconds timeout_ = default_timeout;
    byte_stream stream_;
};

}  // namespace tiercel::test
