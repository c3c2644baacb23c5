#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace tiercel::sample_origin {

// A request as it arrived. Read leniently on purpose: what a proxy sent is to be reported, not refused.
struct request {
    std::string head;     // raw, with the empty line
    std::string method;
    std::string target;
    std::string path;     // of the target, undecoded
    std::vector<std::pair<std::string, std::string>> query;   // decoded
    std::string body;

    std::optional<std::string_view> header(std::string_view name) const;           // first line; views into head
    std::optional<std::string_view> parameter(std::string_view name) const;        // first of that name
    std::uint64_t number(std::string_view name, std::uint64_t otherwise) const;    // parameter as a number
    std::chrono::milliseconds duration(std::string_view name) const;               // "300ms", "2s", "5"; 0 when absent
    bool wants_close() const;
};

request parse_request(std::string head);

bool equal_names(std::string_view a, std::string_view b) noexcept;
std::optional<std::uint64_t> parse_number(std::string_view text, int base = 10) noexcept;
std::chrono::milliseconds parse_duration(std::string_view text) noexcept;

}  // namespace tiercel::sample_origin
