#pragma once

// How events stand in an HTTP request: CloudEvents 1.0 in structured, batch and binary mode (HTTP binding, sections 3.1 to 3.3), or an
// object of the second envelope. Pure.

#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace tiercel::events {

using field_list = std::vector<std::pair<std::string, std::string>>;   // names in lower case

// The JSON text of each event, in order; or why the request holds none. What is wrong with a single one is read_event()'s to say.
struct events_found {
    std::vector<std::string> texts;
    std::string problem;
};
events_found find_events(std::string_view content_type, const field_list& fields, std::string_view body);

}  // namespace tiercel::events
