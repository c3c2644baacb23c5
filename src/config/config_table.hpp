#pragma once

// Every key there is, one row each, in the order in which people read them. Loading, `check`, `config`, the reference file
// and the generated tests all walk this table; nothing else knows the name of a key.
//
// A key has a row only if the program acts on it. Names that the documentation promises for later versions are in
// reserved_names(), so that whoever writes one learns that it is no typing error.

#include "config/config.hpp"
#include "config/row.hpp"

#include <functional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace tiercel::config {

const std::vector<row>& table();
std::span<const std::string_view> reserved_names();

// The same as a tree, one node per part of a dotted name.
struct schema {
    std::string_view name;              // "connect_timeout"; empty for the root
    const row* entry = nullptr;         // null: the root, a group such as "cache", or reserved
    bool reserved = false;
    std::vector<schema> keys;           // of a group, or of one item of a list or map

    const schema* find(std::string_view key) const noexcept;
};
const schema& root();

// Visits the values of a configuration in the order of the table. `path` is the name with real items: "routes[0].name".
using value_visitor = std::function<void(const std::string& path, const row& r, const void* owner)>;
void for_each_value(const config& c, const value_visitor& visit);

}  // namespace tiercel::config
