#include "flow/client_watch.hpp"

#include <cerrno>
#include <sys/socket.h>

namespace tiercel::flow {

client_watch::client_watch(client_io& io, origin::exchange& ex) : watched_(std::make_shared<watched>(&io, &ex))
{
    wait(watched_);
}

client_watch::~client_watch()
{
    watched_->ex = nullptr;
    error_code ignored;
    watched_->io->socket().cancel(ignored);
}

void client_watch::wait(std::shared_ptr<watched> w)
{
    async::socket& client = w->io->socket();
    client.async_wait(async::socket::wait_read, [w = std::move(w)](const error_code& ec) {
        if (w->ex == nullptr || ec) {
            return;
        }
        char byte;
        const ssize_t n = ::recv(w->io->socket().native_handle(), &byte, 1, MSG_PEEK | MSG_DONTWAIT);
        if (n > 0) {
            return;   // the next request: it has not gone, and its end could not be seen behind that
        }
        if (n < 0 && (errno == EAGAIN || errno == EWOULDBLOCK || errno == EINTR)) {
            wait(w);
            return;
        }
        w->ex->abandon();
    });
}

}  // namespace tiercel::flow
