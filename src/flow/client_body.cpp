#include "flow/client_body.hpp"

#include "async/drained_read.hpp"

#include <boost/asio/redirect_error.hpp>

#include <algorithm>

namespace tiercel::flow {
namespace {

constexpr std::size_t buffer_size = 16 * 1024;
constexpr std::string_view go_on = "HTTP/1.1 100 Continue\r\n\r\n";

}  // namespace

client_body::client_body(client_io& io, framing content, limits l, bool waits)
    : io_(io), limit_(io.loop().wheel(), [](void* self) { static_cast<client_body*>(self)->on_deadline(); }, this),
      content_(content), limits_(l),
      complete_(content.kind == framing_kind::none || (content.kind == framing_kind::length && content.length == 0)),
      waits_(waits && !complete_)
{
}

// Takes the next run of content out of `input`; an empty run with complete_ unset means: more input is needed.
result<std::string_view> client_body::decode(std::string_view& input)
{
    if (content_.kind == framing_kind::length) {
        const auto n = static_cast<std::size_t>(std::min<byte_count>(input.size(), content_.length - taken_));
        const std::string_view run = input.substr(0, n);
        input.remove_prefix(n);
        taken_ += n;
        complete_ = taken_ == content_.length;
        return run;
    }
    while (!input.empty()) {
        const auto step = decoder_.feed(input);
        input.remove_prefix(step.consumed);
        switch (step.state) {
        case chunk_state::malformed: return fail(errc::bad_request);
        case chunk_state::done: complete_ = true; return std::string_view();
        case chunk_state::content: taken_ += step.content.size(); break;
        case chunk_state::need_more: break;
        }
        // What a chunk announces counts at once: to wait for it would be to wait for what is refused anyway.
        if (taken_ > limits_.largest || decoder_.announced() > limits_.largest - taken_) {
            return fail(errc::body_too_large);
        }
        if (step.state == chunk_state::content) {
            return step.content;
        }
    }
    return std::string_view();
}

void client_body::on_deadline()
{
    timed_out_ = true;
    io_.interrupt();
}

void client_body::stop()
{
    stopped_ = true;
    io_.interrupt();
}

void client_body::on_told()
{
    waits_ = answer_100_ = false;
    if (reading_) {
        limit_.expires_after(limits_.idle);
    }
}

async::task<result<std::string_view>> client_body::next()
{
    if (failure_ != errc{}) {
        co_return failure_;
    }
    while (!complete_) {
        if (from_head_) {
            std::string_view input = io_.received();
            const std::size_t before = input.size();
            const auto run = decode(input);
            io_.consume(before - input.size());
            if (!run || !run->empty() || complete_) {
                co_return run;
            }
            from_head_ = !io_.received().empty();
            continue;
        }
        if (!unread_.empty()) {
            const auto run = decode(unread_);
            if (complete_ && !unread_.empty()) {
                io_.give_back(unread_);   // the next request came right behind the content
            }
            if (!run || !run->empty() || complete_) {
                co_return run;
            }
            continue;
        }
        if (answer_100_) {
            // Not waited for, as the origin's answer might come in between: who does not even take this reads nothing.
            const std::string_view piece[] = {go_on};
            const auto sent = io_.try_send(piece);
            if (!sent || *sent != go_on.size()) {
                co_return fail(errc::client_gone);
            }
            on_told();
        }
        if (buffer_ == nullptr) {
            buffer_ = std::make_unique_for_overwrite<char[]>(buffer_size);
        }
        std::size_t room = buffer_size;
        if (content_.kind == framing_kind::length) {   // never past the end: what follows stays in the socket
            room = static_cast<std::size_t>(std::min<byte_count>(room, content_.length - taken_));
        }
        const auto space = boost::asio::buffer(buffer_.get(), room);
        error_code ec;
        std::size_t n = 0;
        const auto there = async::recv_now(io_.socket(), space);   // the end may have come together with the last bytes
        if (there) {
            ec = there->error();
            n = ec ? 0 : **there;
        } else {
            timed_out_ = false;
            if (!waits_) {   // else it is the origin's turn, and the deadline of the request counts
                limit_.expires_after(limits_.idle);
            }
            reading_ = true;
            unsigned before = 0;
            do {
                before = io_.interrupts();
                n = co_await io_.socket().async_read_some(async::drained_buffer(space),
                                                          boost::asio::redirect_error(async::use_task, ec));
            } while (ec == boost::asio::error::operation_aborted && !timed_out_ && !stopped_ && io_.interrupts() != before);
            reading_ = false;
            limit_.disarm();
        }
        waits_ = false;
        if (ec && stopped_) {
            co_return ec;   // the origin's doing, not the client's
        }
        if (ec) {
            co_return fail(timed_out_ ? errc::body_timeout : errc::client_gone);
        }
        unread_ = std::string_view(buffer_.get(), n);
    }
    co_return std::string_view();
}

}  // namespace tiercel::flow
