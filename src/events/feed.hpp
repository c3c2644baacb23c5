#pragma once

// A feed of events over HTTP: what is asked for, what a page of it holds, and how far one has come. Pure.
//
// A page is a JSON array of events, the oldest first. By id: "after the event of that id". By time: "from that stamp on", the stamp
// included, because several events may share it and not all of them need have been there, or on the page, the last time.

#include "events/options.hpp"

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace tiercel::events {

struct feed_event {
    std::string text;                      // its JSON
    std::string mark;                      // the place it gives the cursor: its id or its stamp, as it came; empty: none
    std::optional<std::int64_t> time;      // microseconds since 1970
};

struct feed_page {
    std::vector<feed_event> events;
    std::string problem;                   // not empty: this is no page
};

inline constexpr std::size_t most_events_on_page = 10'000;

feed_page read_feed_page(std::string_view body, feed_cursor kind);

// The cursor after that page; the same if nothing on it leads further. Stamps never lead back, and one that lies after `latest`
// (microseconds since 1970) leads nowhere: by the slip of one event all that comes until then would be passed over.
std::string moved_cursor(feed_cursor kind, const std::string& cursor, const feed_page& page, std::int64_t latest);

// The target of the request that goes on from there. An empty cursor: from the beginning.
std::string feed_target(std::string_view path, std::string_view parameter, std::string_view cursor);

// The target that `Link: <...>; rel="next"` leads to (RFC 8288 §3), if that lies on the same server. `links`: the values of the
// field lines. Nothing: there is none. Empty: it leads elsewhere, or nowhere.
std::optional<std::string> next_target(const std::vector<std::string>& links, std::string_view authority, std::string_view target);

// All but letters, digits and - . _ ~ (RFC 3986 §2.3).
std::string percent_encoded(std::string_view text);

// "2026-11-25T05:00:00.123Z"
std::string stamp_of(std::int64_t micros);

}  // namespace tiercel::events
