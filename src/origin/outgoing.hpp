#pragma once

// A request on its way to an origin, as the caller composes it.

#include "async/task.hpp"
#include "async/timer_wheel.hpp"

#include <tiercel/clock.hpp>
#include <tiercel/error.hpp>
#include <tiercel/message.hpp>

#include <string>
#include <string_view>

namespace tiercel::origin {

// Request content that is not there yet. Pulled run by run while the origin takes it; so a slow origin slows the source.
class body_source {
public:
    virtual ~body_source() = default;
    // The next run, valid until the next call; empty at the end. An errc when the client failed: the request is then
    // broken off, never ended as if whole. Has a deadline of its own, as the origin is not to blame for a slow client.
    virtual async::task<result<std::string_view>> next() = 0;
    // Makes a pending next() end soon, with an error. Called at most once; no next() comes after it.
    virtual void stop() = 0;
    // Nothing will come before the origin has said to go on (RFC 9110 §10.1.1).
    virtual bool waits_for_origin() const noexcept { return false; }
    // Nobody but us will tell the client to go on: the origin knows no 100 (Continue). Called before next(), only if the
    // client waits for that.
    virtual void encourage() {}
};

// Gets the interim answers that are not ours to keep (100, 102, 103; RFC 9110 §15.2).
class interim_sink {
public:
    virtual ~interim_sink() = default;
    virtual async::task<> relay(const response_head& head) = 0;   // views, valid until it ends
};

// What fetch() has to say beside its result.
struct fetch_report {
    unsigned attempts = 0;        // that were begun, those refused here included
    bool hedged = false;          // a second one went out beside a slow one
    seconds retry_after{0};       // breaker_open and origin_busy: when to come again
};

struct outgoing {
    method verb = method::get;
    std::string_view verb_text = "GET";
    // Request line and fields, each ended by CRLF, without the empty line. fetch() appends what it has to say and the
    // empty line; reserve some room for it.
    std::string head;
    std::string_view content;                 // whole and small; goes out with the head, and again with each retry
    body_source* body = nullptr;              // otherwise
    bool chunked_body = false;                // else the head names the length, and the source yields exactly that much
    bool expects_continue = false;            // the client sends the body only when told to: Expect goes along
    std::string_view upgrade;                 // protocols that the head's Upgrade field asks for; no body then
    async::steady::time_point deadline;       // until here the response head must have come, retries included; later by what an upload took
    bool may_retry = true;                    // false: another answer will do, e.g. a stale one
    bool alone = false;                       // for one client, and nothing of it will be stored: refused before others
    bool background = false;                  // nobody waits: first to be refused when it gets crowded
    interim_sink* interim = nullptr;          // none: interim answers are dropped

    fetch_report report;
};

}  // namespace tiercel::origin
