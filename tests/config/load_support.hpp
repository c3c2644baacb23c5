#pragma once

#include "config/config_loader.hpp"

#include <map>
#include <string>
#include <string_view>
#include <vector>

namespace tiercel::config {

inline environment no_environment()
{
    return [](std::string_view) -> std::optional<std::string> { return std::nullopt; };
}

inline environment environment_of(std::map<std::string, std::string, std::less<>> variables)
{
    return [variables = std::move(variables)](std::string_view name) -> std::optional<std::string> {
        const auto found = variables.find(name);
        return found == variables.end() ? std::nullopt : std::optional(found->second);
    };
}

inline loaded load_yaml(std::string_view text, const environment& env = no_environment())
{
    return load_text(text, "t.yaml", env);
}

// One line per problem, as people see them.
inline std::vector<std::string> lines(const loaded& l)
{
    std::vector<std::string> all;
    for (const auto& p : l.problems) {
        all.push_back(to_text(p));
    }
    return all;
}

// A valid file to which a test adds its own keys.
inline constexpr std::string_view minimal = "origins: { shop: { endpoints: [http://127.0.0.1:3000] } }\n"
                                            "routes: [ { origin: shop } ]\n";

inline std::string with_minimal(std::string_view more) { return std::string(minimal) + std::string(more); }

}  // namespace tiercel::config
