#pragma once

#include <span>
#include <string>
#include <string_view>

namespace tiercel::sample_origin {

enum class ending { keep, close, reset, hang };   // what becomes of the connection after the bytes

// One way to break HTTP, served at /fault/NAME. All claim to be cacheable for a minute, so that storing one shows.
struct fault {
    std::string_view name;
    std::string_view text;
    std::string bytes;      // the whole answer
    ending then = ending::close;
};

std::span<const fault> faults();
const fault* find_fault(std::string_view name);   // nullptr when there is none

}  // namespace tiercel::sample_origin
