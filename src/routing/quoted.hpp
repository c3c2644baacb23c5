#pragma once

#include <string>
#include <string_view>

namespace tiercel::routing {

// For messages to people.
inline std::string quoted(std::string_view s) { return "\"" + std::string(s) + "\""; }

}  // namespace tiercel::routing
