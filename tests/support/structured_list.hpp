#pragma once

// Structured field lists (RFC 8941 §4.2.1), parsed as strictly as the RFC says: one wrong byte and there is no list.
// Written for the tests alone, so that the proxy's own parser does not check itself.

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

namespace tiercel::test::sf {

struct token {
    std::string text;
    friend bool operator==(const token&, const token&) = default;
};
struct decimal {
    std::int64_t thousandths = 0;
    friend bool operator==(const decimal&, const decimal&) = default;
};
struct bytes {
    std::string base64;   // as written
    friend bool operator==(const bytes&, const bytes&) = default;
};

using bare_item = std::variant<std::int64_t, decimal, std::string, token, bytes, bool>;
using parameters = std::vector<std::pair<std::string, bare_item>>;   // a repeated key keeps its last value

struct item {
    bare_item value;
    parameters params;
};

struct member {
    std::vector<item> items;        // one unless it is an inner list
    bool is_inner_list = false;
    parameters params;              // of the item or of the inner list
};

std::optional<std::vector<member>> parse_list(std::string_view text);

}  // namespace tiercel::test::sf
