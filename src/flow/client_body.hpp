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

    // `waits`: the client sends only when it gets "100 Continue" (RFC 9110 §10.1.1), or has enough of waiting for it.
    client_body(client_io& io, framing content, limits l, bool waits);

    async::task<result<std::string_view>> next() override;
    void stop() override;
    bool waits_for_origin() const noexcept override { return waits_ && !answer_100_; }
    void encourage() override { answer_100_ = waits_; }
    // The client is told to go on, or answered: from here on a gap is its own.
    void on_told();
    bool is_waiting() const noexcept { return waits_; }
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
    bool stopped_ = false;
    framing content_;
    limits limits_;
    chunk_decoder decoder_;
    std::unique_ptr<char[]> buffer_;
    std::string_view unread_;                    // received, not decoded yet; in buffer_
    byte_count taken_ = 0;
    bool from_head_ = true;                      // bytes that came with the head are used first
    bool complete_ = false;
    bool waits_;
    bool answer_100_ = false;                    // it is ours to tell
    bool reading_ = false;
    errc failure_{};
};

}  // namespace tiercel::flow
