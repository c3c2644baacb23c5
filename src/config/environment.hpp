#pragma once

// ${NAME} and ${NAME:-default} in configured values.

#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace tiercel::config {

// How a variable of the environment is looked up. Handed in, so that nothing here reads the process's own by itself.
using environment = std::function<std::optional<std::string>(std::string_view name)>;

struct expansion {
    std::string text;
    std::vector<std::string> variables;     // that gave (part of) the text
    std::optional<std::string> problem;     // no such variable, bad spelling
};

// "$${" stands for "${". A variable that is set but empty counts as set for ${NAME} and as missing for ${NAME:-default},
// as in a shell. What a variable holds is taken as it is: neither expanded again nor read as YAML.
expansion expand(std::string_view text, const environment& env);

}  // namespace tiercel::config
