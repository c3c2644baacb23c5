#pragma once

// The content of a client's request, run by run, as the origin side asks for it: back-pressure by pulling.

#include "flow/client_io.hpp"
#include "http/chunked.hpp"
#include "http/framing.hpp"
#include "origin/client.hpp"

#include <memory>

namespace tiercel::flow {

class client_body final : public origin::body_source {
public:
    struct limits {
        byte_count largest = 0;                  // errc::body_too_large beyond it
        std::chrono::milliseconds idle{0};       // errc::body_timeout after such a gap
    };

    // `answer_100`: the client waits for "100 Continue" before it sends (RFC 9110 §10.1.1).
    client_body(client_io& io, framing content, limits l, bool answer_100);

    async::task<result<std::string_view>> next() override;
    void stop() override;
    // All content was read; the connection can carry another request.
    bool is_complete() const noexcept { return complete_; }
    // What went wrong, if it was the client: the reason for the answer it gets.
    errc failure() const noexcept { return failure_; }

private:
    result<std::string_view> fail(errc e) noexcept
    {
        failure_ = e;
        return e;
    }
    result<std::string_view> decode(std::string_view& input);
    void on_deadline();

    client_io& io_;
    async::deadline limit_;                      // its own: the answer may be on its way out meanwhile
    bool timed_out_ = false;
    framing content_;
    limits limits_;
    chunk_decoder decoder_;
    std::unique_ptr<char[]> buffer_;
    std::string_view unread_;                    // received, not decoded yet; in buffer_
    byte_count taken_ = 0;
    bool from_head_ = true;                      // bytes that came with the head are used first
    bool answer_100_;
    bool complete_ = false;
    errc failure_{};
};

}  // namespace tiercel::flow
