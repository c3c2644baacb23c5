#pragma once

// Writing lines of a head.

#include <cstddef>
#include <string>
#include <string_view>

namespace tiercel {

// Appends "NAME: VALUE" CRLF. The string grows once per line and not once per piece.
inline void append_field_line(std::string& out, std::string_view name, std::string_view value)
{
    const std::size_t before = out.size();
    out.resize(before + name.size() + value.size() + 4);
    char* at = out.data() + before;
    at += name.copy(at, name.size());
    *at++ = ':';
    *at++ = ' ';
    at += value.copy(at, value.size());
    *at++ = '\r';
    *at++ = '\n';
}

}  // namespace tiercel
