#include "flow/interim_relay.hpp"

#include "flow/reply.hpp"

#include <array>
#include <string_view>

namespace tiercel::flow {

async::task<> interim_relay::relay(const response_head& head)
{
    const bool wanted = head.status == 100 ? body_.is_waiting() : rq_.head.minor_version != 0;
    if (!wanted || client_gone_) {
        co_return;
    }
    io_.out().clear();
    compose_interim(io_.out(), rq_, head);
    const std::array<std::string_view, 1> out{io_.out()};
    const error_code gone = co_await io_.send(out, idle_);
    client_gone_ = static_cast<bool>(gone);
    if (head.status == 100) {
        body_.on_told();
    }
}

}  // namespace tiercel::flow
