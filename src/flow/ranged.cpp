#include "flow/ranged.hpp"

#include "flow/delivery.hpp"
#include "flow/reply.hpp"
#include "rules/merge.hpp"

#include <tiercel/check.hpp>

#include <algorithm>
#include <array>
#include <optional>
#include <utility>

namespace tiercel::flow {
namespace {

// One span as it is, several as a multipart, with the fields that say so. `add` appends the bytes of a span.
template <class Add>
void lay_out(gathered& content, partial_head& h, const request& rq, const std::vector<byte_span>& spans,
             std::optional<byte_count> total, Add add)
{
    if (spans.size() == 1) {
        h.range = content_range{spans.front(), total};
        add(spans.front());
    } else {
        h.boundary = hex(stable_hash(rq.id));   // nobody who wrote the content can have known it
        const head_block block(h.fields);
        for (const byte_span& s : spans) {
            content.add(multipart_head(h.boundary, block.head().first(header::content_type), {s, total}, content.size() == 0));
            add(s);
        }
        content.add(multipart_end(h.boundary));
    }
    h.length = content.size();
}

}  // namespace

void gathered::add(entry_ptr from, byte_count at, byte_count size)
{
    TIERCEL_CHECK(size <= from->body_size() && at <= from->body_size() - size);
    size_ += size;
    runs_.push_back({std::move(from), at, size, {}});
}

void gathered::add(std::string text)
{
    size_ += text.size();
    runs_.push_back({nullptr, 0, text.size(), std::move(text)});
}

std::string_view gathered::next() noexcept
{
    while (run_ < runs_.size() && offset_ == runs_[run_].size) {
        ++run_;
        offset_ = 0;
    }
    if (run_ == runs_.size()) {
        return {};
    }
    const run& r = runs_[run_];
    const std::string_view there = r.from != nullptr ? r.from->body_at(r.at + offset_)
                                                     : std::string_view(r.text).substr(static_cast<std::size_t>(offset_));
    const std::string_view piece = there.substr(0, static_cast<std::size_t>(std::min<byte_count>(there.size(), r.size - offset_)));
    offset_ += piece.size();
    return piece;
}

void gathered::add(const part_answer& from, const std::vector<part_piece>& some)
{
    for (const part_piece& piece : some) {
        const stored_part& part = from.parts[piece.part];
        add(part.e, piece.span.first - part.holds.first, piece.span.size());
    }
}

async::task<answered> send_gathered(answered a, gathered what, client_io& io, client_limits limits)
{
    std::array<std::string_view, async::max_pieces> out{io.out()};
    std::size_t used = 1;
    byte_count content = 0;
    for (;;) {
        const std::string_view piece = what.next();
        if (used == out.size() || piece.empty()) {
            const error_code gone = co_await io.send(pieces(out.data(), used), limits.write_idle);
            if (gone) {
                co_return left_by_client(a);
            }
            a.content_bytes += content;
            used = 0;
            content = 0;
        }
        if (piece.empty()) {
            co_return a;
        }
        out[used++] = piece;
        content += piece.size();
    }
}

async::task<answered> send_ranges(const request& rq, entry_ptr e, range_plan plan, answered a, std::string_view origin_age,
                                  client_io& io, client_limits limits)
{
    io.out().clear();
    gathered content;
    if (plan.how == range_answer::unsatisfiable) {
        a.status = 416;
        compose_unsatisfiable(io.out(), rq, *e, a);
    } else {
        a.status = 206;
        partial_head h;
        h.fields = e->head();
        set_times(h, rq, *e, a, origin_age);
        lay_out(content, h, rq, plan.spans, e->body_size(), [&](const byte_span& s) { content.add(e, s.first, s.size()); });
        compose_partial(io.out(), rq, h, a);
    }
    answered done = co_await send_gathered(a, std::move(content), io, limits);
    co_return done;
}

async::task<answered> send_parts(const request& rq, std::shared_ptr<const part_answer> from, answered a, client_io& io,
                                 client_limits limits)
{
    io.out().clear();
    gathered content;
    a.status = 206;
    if (from->repeated != nullptr) {
        compose_entry(io.out(), rq, *from->repeated, a, {});
        content.add(from->repeated, 0, from->repeated->body_size());
    } else {
        partial_head h;
        h.fields = from->parts.front().e->head();   // of the newest (RFC 9110 §15.3.7.3)
        set_times(h, rq, from->stalest(), a, {});
        std::size_t next = 0;
        lay_out(content, h, rq, from->spans, from->total, [&](const byte_span&) { content.add(*from, from->covers[next++].before); });
        compose_partial(io.out(), rq, h, a);
    }
    answered done = co_await send_gathered(a, std::move(content), io, limits);
    co_return done;
}

}  // namespace tiercel::flow
