#pragma once

// recv and send as bare system calls. In a program with threads glibc's wrappers are cancellation points and mark each call
// with two atomic operations; nothing here is ever cancelled that way. Worth 2 % of a hit (docs/decisions.md).
// Errors as of recv(2), send(2): -1 and errno.

#include <cstddef>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

namespace tiercel::async {

inline ssize_t bare_recv(int fd, void* into, std::size_t size, int flags) noexcept
{
    return ::syscall(SYS_recvfrom, fd, into, size, flags, nullptr, nullptr);
}

inline ssize_t bare_send(int fd, const void* from, std::size_t size, int flags) noexcept
{
    return ::syscall(SYS_sendto, fd, from, size, flags, nullptr, 0);
}

// Is there something to read now?
inline bool has_bytes(int fd) noexcept
{
    char byte = 0;
    return bare_recv(fd, &byte, 1, MSG_PEEK | MSG_DONTWAIT) > 0;
}

}  // namespace tiercel::async
