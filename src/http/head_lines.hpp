#pragma once

// Heads as entries keep them: status line and fields, each "NAME: VALUE" CRLF, without the empty line.

#include <tiercel/check.hpp>

#include <cstddef>
#include <string_view>

namespace tiercel {

// One field of such a head.
struct head_line {
    std::string_view whole;      // with its CRLF

    std::string_view name() const noexcept { return whole.substr(0, whole.find(':')); }
    std::string_view value() const noexcept
    {
        const std::size_t begin = whole.find(':') + 2;
        return whole.substr(begin, whole.size() - 2 - begin);
    }
};

// Calls `each` with one field after the other. REQUIRES: `head` is what its name says.
template <class Each>
void for_each_line(std::string_view head, Each each)
{
    std::string_view rest = head.substr(head.find("\r\n") + 2);
    while (!rest.empty()) {
        const std::size_t end = rest.find("\r\n");
        const head_line line{rest.substr(0, end + 2)};
        TIERCEL_CHECK(end != rest.npos);
        rest.remove_prefix(line.whole.size());
        each(line);
    }
}

}  // namespace tiercel
