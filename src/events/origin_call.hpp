#pragma once

// A request of our own to one of the configured origins, and its whole answer: with that origin's breaker, pools, TLS and retries.
// Thread: the loop's.

#include "async/loop.hpp"
#include "origin/client.hpp"

#include <tiercel/clock.hpp>
#include <tiercel/units.hpp>

#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace tiercel::events {

// An origin that feeds may lie on. Both outlive the intake; the observer is called on its thread.
struct known_origin {
    origin::upstream* upstream = nullptr;
    origin::observer* observer = nullptr;
};

struct origin_request {
    method verb = method::get;
    std::string target;
    std::string fields;                    // more lines, each ended by CRLF
    std::string content;                   // with POST
    milliseconds timeout{10'000};          // for all of it
    byte_count most = 4_MiB;               // of content in the answer
};

struct origin_answer {
    int status = 0;
    std::string content_type;
    std::string content;
    std::vector<std::string> links;        // the values of Link
    std::optional<std::int64_t> date;      // seconds since 1970
    std::optional<seconds> retry_after;
    std::string problem;                   // not empty: there is no (whole) answer, and why
};

class origin_call {
public:
    origin_call(async::loop& l, const known_origin& where, const clock& time);

    async::task<origin_answer> ask(origin_request what);
    // Ends what is under way, and whatever is asked from now on.
    void abort() { client_.abort(); }
    // What stands in Host.
    const std::string& authority() const noexcept { return authority_; }

private:
    const clock& time_;
    origin::client client_;
    const std::string authority_;
};

}  // namespace tiercel::events
