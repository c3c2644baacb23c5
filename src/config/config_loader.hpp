#pragma once

// YAML files -> config. Finds all problems at once, each with its place; remembers where every value came from.

#include "config/config.hpp"
#include "config/environment.hpp"
#include "config/problem.hpp"
#include "config/yaml_tree.hpp"

#include <filesystem>
#include <map>
#include <string>
#include <string_view>
#include <vector>

namespace tiercel::config {

// Where the files speak of a key, or of an item or group on the way to it. A value that nobody speaks of is the default.
struct mention {
    place where;                            // of the value; of the key when it has no value
    std::vector<std::string> variables;     // of the environment that gave (part of) the value
};

struct loaded {
    config value;                           // meaningful only if ok()
    std::vector<problem> problems;          // errors, in the order of their places
    std::vector<problem> warnings;          // only if ok()
    std::vector<std::string> files;         // by place::file: the main one, then the included ones
    std::map<std::string, mention> mentions;   // by path: "cache.l1.max_bytes", "routes[0].name", "routes[0]"

    bool ok() const noexcept { return problems.empty(); }
    // "default", "FILE:LINE" or "env NAME (FILE:LINE)".
    std::string source_of(const std::string& path) const;
    // Of that key, or of the nearest thing around it that the files speak of.
    place place_of(std::string path) const;
};

// Reads the file and what it includes.
loaded load(const std::filesystem::path& file, const environment& env);

// The same from memory; `include` is looked up from the current folder.
loaded load_text(std::string_view text, std::string name, const environment& env);

}  // namespace tiercel::config
