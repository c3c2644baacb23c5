#pragma once

// One event, whatever it came in. CloudEvents 1.0 (JSON), or the second common envelope: eventId, eventType, timestamp,
// aggregateId, payload. A tolerant reader: what it does not know is ignored, what it needs must be there.

#include <boost/json/object.hpp>
#include <boost/json/value.hpp>

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace tiercel::events {

struct event {
    std::string id;
    std::string source;
    std::string type;
    std::string version;                   // of the type: an attribute, or the end of its name, as in ".v2"
    std::string tenant;                    // empty: it does not say
    std::string subject;
    std::optional<std::int64_t> time;      // microseconds since 1970
    boost::json::object document;          // normalised: id, source, type, subject, tenantid, data

    // Names it among all events: "a" with "b/c" is another one than "a/b" with "c".
    std::string key() const { return std::to_string(source.size()) + ":" + source + id; }
};

struct event_read {
    std::optional<event> good;
    std::string problem;
};
event_read read_parsed_event(const boost::json::value& v);
event_read read_event(std::string_view text);

// RFC 3339, to microseconds since 1970.
std::optional<std::int64_t> read_time(std::string_view text) noexcept;

// What is found at "data.project.id" in the event, as text; nothing when it is absent or no text, number or boolean.
std::optional<std::string> value_at(const event& e, std::string_view path);

// "project/{data.projectId}". Nothing when something in it is not there, or is a list.
struct expanded {
    std::optional<std::string> text;
    std::string missing;                   // the name, and why
};
expanded expand(std::string_view text, const event& e);

// The same where a part of the event may be a list, or lie in each object of one: a text for every item, in order ("data.items.id").
// Several lists: every pair. An empty list: no text at all. An item that is no text, number or boolean is missing.
struct expansions {
    std::vector<std::string> texts;
    std::string missing;                   // the name, and why
};
expansions expand_all(std::string_view text, const event& e, std::size_t most);

// Braces that do not fit, or a name that no event has.
std::optional<std::string> problem_of_event_template(std::string_view text);

// The names of the fields that the event says were changed (data.changedFields, changed_fields or changed; a list, or an object's
// members). Nothing: it does not say.
std::optional<std::vector<std::string>> changed_fields(const event& e);

}  // namespace tiercel::events
