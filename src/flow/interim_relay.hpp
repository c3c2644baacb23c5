#pragma once

// Interim answers (RFC 9110 §15.2) on their way to the client whose request goes its own way.

#include "flow/client_body.hpp"
#include "flow/client_io.hpp"
#include "flow/request.hpp"
#include "origin/outgoing.hpp"

#include <chrono>

namespace tiercel::flow {

// Passes them on as they come: 100 to a client that waits for it, the others to all who know them. REQUIRES: all references
// outlive this.
class interim_relay final : public origin::interim_sink {
public:
    interim_relay(const request& rq, client_body& body, client_io& io, std::chrono::milliseconds idle)
        : rq_(rq), body_(body), io_(io), idle_(idle) {}

    async::task<> relay(const response_head& head) override;
    // Perhaps in the middle of a head: nothing else may be sent then.
    bool client_gone() const noexcept { return client_gone_; }

private:
    const request& rq_;
    client_body& body_;
    client_io& io_;
    const std::chrono::milliseconds idle_;
    bool client_gone_ = false;
};

}  // namespace tiercel::flow
