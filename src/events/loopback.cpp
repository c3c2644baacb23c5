#include "events/loopback.hpp"

#include <cstdint>
#include <utility>

namespace tiercel::events {

using coherence::recent_writes;
using redis::reply;

namespace {

// The latest moment that a time may mean, in microseconds: clocks that tell the second, or the millisecond, leave out the rest.
std::int64_t latest_of(std::int64_t time) noexcept
{
    const std::int64_t grain = time % 1'000'000 == 0 ? 1'000'000 : time % 1'000 == 0 ? 1'000 : 1;
    return time + grain - 1;
}

}  // namespace

loopback::loopback(const intake_options& o, flow::process_context& p, redis::client* client)
    : options_(o), process_(p), client_(client), names_(o.prefix)
{
}

void loopback::find_rest(const event& e, std::string event_name, const effect& what, rest_handler done)
{
    if (process_.writes == nullptr || !e.time || *e.time <= 0) {
        done(what.order.scopes);
        return;
    }
    look(std::make_shared<inquiry>(inquiry{std::move(event_name), what.order.scopes, what.widths, what.order.mode,
                                           static_cast<sequence>(latest_of(*e.time)), std::move(done)}));
}

void loopback::look(const inquiry_ptr& q)
{
    const recent_writes::question asked{q->scopes, q->widths, q->mode, q->happened, q->event};
    auto found = process_.writes->find(asked, process_.time.now());
    if (!found) {
        q->done(q->scopes);
    } else if (process_.log == nullptr) {   // there is nobody else
        process_.writes->give(found->number, q->event);
        q->done(std::move(found->rest));
    } else if (client_ == nullptr) {
        q->done(q->scopes);
    } else {
        claim(q, std::move(*found));
    }
}

void loopback::claim(const inquiry_ptr& q, recent_writes::match m)
{
    const std::string life = std::to_string((2 * options_.events.loopback_ttl + milliseconds(60'000)).count());   // longer than any instance looks for it
    redis::command c{"SET", names_.write_mark(m.at), q->event, "PX", life, "NX"};
    client_->send(redis::lane::write, std::move(c), [this, q, m = std::move(m)](const result<reply>& r) mutable {
        if (!r || r->is_error()) {
            q->done(q->scopes);
        } else if (r->is_nil()) {
            compare_holder(q, std::move(m));
        } else {
            process_.writes->give(m.number, q->event);
            q->done(std::move(m.rest));
        }
    });
}

// Somebody has it: this very event, which has come again, or another one.
void loopback::compare_holder(const inquiry_ptr& q, recent_writes::match m)
{
    redis::command c{"GET", names_.write_mark(m.at)};
    client_->send(redis::lane::write, std::move(c), [this, q, m = std::move(m)](const result<reply>& r) mutable {
        if (!r || r->is_error() || r->is_nil()) {
            q->done(q->scopes);
            return;
        }
        process_.writes->give(m.number, r->text);
        if (r->text == q->event) {
            q->done(std::move(m.rest));
        } else {
            look(q);
        }
    });
}

}  // namespace tiercel::events
