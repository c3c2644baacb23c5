#pragma once

// The main file and those it includes, as one tree.

#include "config/environment.hpp"
#include "config/yaml_tree.hpp"

#include <filesystem>
#include <string>
#include <string_view>
#include <vector>

namespace tiercel::config {

struct source_tree {
    yaml_ptr root;                       // null when a file cannot be read or is no YAML
    std::vector<std::string> files;      // by place::file
    std::vector<yaml_error> errors;
};

// `include: [conf.d/*.yaml]` names files from the folder of the main file; a pattern takes what it matches in the order of
// names, a name without stars must exist. Lists grow, maps are united, and a value that two files give is an error: which
// one counts must not hang on the order of files. Only the main file may include.
source_tree read_sources(const std::filesystem::path& file, const environment& env);
source_tree read_sources(std::string_view text, std::string name, const environment& env);

}  // namespace tiercel::config
