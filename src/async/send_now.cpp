#include "async/send_now.hpp"

#include "async/socket_calls.hpp"

#include <tiercel/check.hpp>

#include <array>
#include <cerrno>
#include <sys/socket.h>
#include <sys/uio.h>

namespace tiercel::async {
namespace {

constexpr std::size_t copy_below = 8 * 1024;

// Sends the pieces as one. REQUIRES: copy_below bytes at most.
ssize_t send_copied(int fd, std::span<const iovec> what) noexcept
{
    std::array<char, copy_below> all;   // not initialised: only what is written is touched
    std::size_t size = 0;
    for (const iovec& p : what) {
        size += std::string_view(static_cast<const char*>(p.iov_base), p.iov_len).copy(all.data() + size, p.iov_len);
    }
    return bare_send(fd, all.data(), size, MSG_NOSIGNAL | MSG_DONTWAIT);
}

ssize_t send_gathered(int fd, std::span<iovec> what) noexcept
{
    msghdr m{};
    m.msg_iov = what.data();
    m.msg_iovlen = what.size();
    return ::sendmsg(fd, &m, MSG_NOSIGNAL | MSG_DONTWAIT);
}

}  // namespace

std::optional<std::size_t> send_now(int fd, pieces what) noexcept
{
    TIERCEL_CHECK(what.size() <= max_pieces);
    std::array<iovec, max_pieces> vectors;
    std::size_t used = 0;
    std::size_t size = 0;
    for (const auto p : what) {
        if (!p.empty()) {
            vectors[used++] = {const_cast<char*>(p.data()), p.size()};
            size += p.size();
        }
    }
    if (used == 0) {
        return 0;
    }
    const std::span<iovec> all(vectors.data(), used);
    ssize_t n = 0;
    do {
        if (used == 1) {
            n = bare_send(fd, all[0].iov_base, size, MSG_NOSIGNAL | MSG_DONTWAIT);
        } else if (size <= copy_below) {
            n = send_copied(fd, all);
        } else {
            n = send_gathered(fd, all);
        }
    } while (n < 0 && errno == EINTR);
    if (n < 0) {
        return errno == EAGAIN || errno == EWOULDBLOCK ? std::optional<std::size_t>(0) : std::nullopt;
    }
    return static_cast<std::size_t>(n);
}

}  // namespace tiercel::async
