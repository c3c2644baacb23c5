#pragma once

// Sockets for tests: blocking, every wait bounded by a deadline, everything odd an exception. Never for the data path.

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <stdexcept>
#include <string>
#include <string_view>

namespace tiercel::test {

using deadline = std::chrono::steady_clock::time_point;

// Generous, because a sanitizer build on a busy machine is slow; a healthy test never waits this long.
inline constexpr std::chrono::milliseconds default_timeout = std::chrono::seconds(15);

inline deadline after(std::chrono::milliseconds timeout) { return std::chrono::steady_clock::now() + timeout; }

struct timed_out : std::runtime_error {
    using runtime_error::runtime_error;
};

// The peer ended the connection where more bytes were due.
struct peer_closed : std::runtime_error {
    peer_closed(const std::string& what, bool was_reset) : runtime_error(what), reset(was_reset) {}
    bool reset;   // by RST, not by FIN
};

class unique_fd {
public:
    unique_fd() = default;
    explicit unique_fd(int fd) noexcept : fd_(fd) {}
    unique_fd(unique_fd&& other) noexcept : fd_(other.release()) {}
    unique_fd& operator=(unique_fd&& other) noexcept;
    ~unique_fd() { close(); }

    int get() const noexcept { return fd_; }
    explicit operator bool() const noexcept { return fd_ >= 0; }
    int release() noexcept;
    void close() noexcept;

private:
    int fd_ = -1;
};

// Port 0 lets the system choose; port_of() tells which. Throws std::system_error when the port is taken.
unique_fd listen_on_loopback(std::uint16_t port = 0);
std::uint16_t port_of(const unique_fd& listener);
unique_fd connect_to(const std::string& address, std::uint16_t port, deadline until = after(default_timeout));
unique_fd connect_to(const std::filesystem::path& unix_socket, deadline until = after(default_timeout));

// A port on loopback that nobody listens on now. Never the same twice in this process, and outside the range that the
// system takes for outgoing connections, so that it is most likely still free when a child binds it.
std::uint16_t free_port();

// True when bytes (or the end) can be read before the deadline.
bool wait_readable(int fd, deadline until);

// One connection with a read buffer. Thread: one at a time, but interrupt() may come from another.
class byte_stream {
public:
    byte_stream() = default;
    explicit byte_stream(unique_fd fd) : fd_(std::move(fd)) {}

    bool is_open() const noexcept { return static_cast<bool>(fd_); }

    // Throws peer_closed when the peer is gone, timed_out when it does not read.
    void send(std::string_view bytes, deadline until = after(default_timeout));
    // For hostile input, where the peer may hang up while we still write: false then.
    bool try_send(std::string_view bytes, deadline until = after(default_timeout));

    // Everything up to and including `end`. Throws peer_closed, timed_out, or std::length_error beyond `limit` bytes.
    std::string read_until(std::string_view end, std::size_t limit, deadline until = after(default_timeout));
    std::string read_exactly(std::size_t n, deadline until = after(default_timeout));
    // What is there, waiting for at least one byte; empty at a clean end.
    std::string read_some(deadline until = after(default_timeout));
    // Everything until the peer closes; a reset counts as the end too.
    std::string read_to_end(deadline until = after(default_timeout));
    // Did the peer close, without a further byte, before the deadline?
    bool is_closed_by_peer(deadline until = after(default_timeout));

    void shutdown_send() noexcept;
    void reset() noexcept;       // ends with RST
    void close() noexcept;
    void interrupt() noexcept;   // wakes a reader or writer blocked in another thread; it sees the end

private:
    bool fill(deadline until);   // false at the end of the stream

    unique_fd fd_;
    std::string buffer_;
};

}  // namespace tiercel::test
