#pragma once

// YAML text as a tree in which everything knows its place. Scalars keep their text: what it means is for the table to say
// ("off" is a word for one key and an error for another). The only unit that knows the YAML library.

#include <compare>
#include <cstddef>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace tiercel::config {

// Where something stands: number of the file in the order of reading, line and column from 1.
struct place {
    std::size_t file = 0;
    unsigned line = 1;
    unsigned column = 1;
    friend auto operator<=>(const place&, const place&) = default;
};

struct yaml_node;
using yaml_ptr = std::shared_ptr<const yaml_node>;   // an alias shares its anchor's node

struct yaml_member {
    std::string name;
    place where;
    yaml_ptr value;
};

struct yaml_node {
    enum class kind { null, scalar, list, map };

    kind what = kind::null;
    place where;
    std::string text;                    // of a scalar
    std::vector<yaml_ptr> items;         // of a list
    std::vector<yaml_member> members;    // of a map, in the order of the text; of a repeated key only the first is here
};

struct yaml_error {
    place where;
    std::string path;                    // of the key it is about: "routes[1].name"; empty for the whole file
    std::string what;
};

struct yaml_document {
    yaml_ptr root;                       // null when the text is no YAML; an empty text is a node of kind null
    std::vector<yaml_error> errors;      // syntax, repeated keys, keys that are no words, more than one document
};

// Never throws for what the text holds.
yaml_document parse_yaml(std::string_view text, std::size_t file);

}  // namespace tiercel::config
