#pragma once

// Small templates over what a request names: "{path.2}" is the second segment of the path, "{query.id}" the first parameter of
// that name. As they stand in the request, escapes included.

#include <optional>
#include <string>
#include <string_view>

namespace tiercel::routing {

// What is wrong with a template, for whoever wrote it; nothing if all is well.
std::optional<std::string> problem_of_template(std::string_view text);

// Empty when something that it names is not there. REQUIRES: problem_of_template(text) is empty.
std::string expand(std::string_view text, std::string_view path, std::string_view query);

}  // namespace tiercel::routing
