#pragma once

// A cookie that is part of a key must be the one that the origin finds, and origins read the Cookie field in many ways: some trim
// blanks round "=", some take a comma or a blank for the end of a cookie, take letters of names in any case, let a quoted value
// run over ";", want the first of two equal names or the last, or give up at whatever they do not know. So a value counts
// only where the whole field has the form of RFC 6265 §4.1.1 and the name occurs once; else more of the field does.

#include <tiercel/message.hpp>

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

namespace tiercel {

enum class cookie_sense : std::uint8_t {
    absent,     // nobody can find one of that name
    one,        // everybody finds the same one
    several,    // more than one, or a name that only some take for this one: who finds what is known from `pairs`
    doubtful,   // what is found depends on the whole field
};

struct named_cookie {
    cookie_sense sense = cookie_sense::absent;
    std::string pairs;       // "name=value; name=other" in order; one and several only
};

// Fields with more pairs than that are doubtful: some origins stop reading.
inline constexpr std::size_t most_cookies = 100;

named_cookie find_cookie(const request_head& head, std::string_view name);

}  // namespace tiercel
