#pragma once

// An origin that has all bytes of a resource and answers single ranges of it, for origin_page::answer(). Written for tests, by
// another road than the server: it looks at each byte.

#include "scenario.hpp"

#include <algorithm>
#include <cstdio>
#include <string>
#include <string_view>
#include <utility>

namespace tiercel::test {

// Content whose bytes tell where they are.
inline std::string numbered_bytes(std::size_t size)
{
    std::string out(size, ' ');
    for (std::size_t i = 0; i < size; ++i) {
        out[i] = static_cast<char>('a' + (i * 7 + i / 251 + i / 65'521) % 26);
    }
    return out;
}

// One answer to a GET: 206 or 416 for a single range, the whole for everything else and where If-Range names another tag.
inline std::string answer_range(const http_request& r, std::string_view all, std::string_view etag, header_list fields)
{
    if (!etag.empty()) {
        fields.emplace_back("ETag", etag);
    }
    const std::string range = r.header("Range").value_or("");
    if (range.empty() || range.find(',') != std::string::npos || (r.has("If-Range") && r.header("If-Range") != etag)) {
        return plain_answer(fields, all);
    }
    long long first = 0;
    long long last = 0;
    char end = 0;
    const auto size = static_cast<long long>(all.size());
    if (std::sscanf(range.c_str(), "bytes=-%lld%c", &last, &end) == 1) {
        first = std::max(0LL, size - last);
        last = size - 1;
    } else if (std::sscanf(range.c_str(), "bytes=%lld-%lld%c", &first, &last, &end) == 2 && first <= last) {
        last = std::min(last, size - 1);
    } else if (std::sscanf(range.c_str(), "bytes=%lld-%c", &first, &end) == 1 && range.ends_with('-')) {
        last = size - 1;
    } else {
        return plain_answer(fields, all);
    }
    const std::string total = "/" + std::to_string(size);
    if (first >= size) {
        fields.emplace_back("Content-Range", "bytes *" + total);
        return plain_answer(fields, "", 416);
    }
    fields.emplace_back("Content-Range", "bytes " + std::to_string(first) + "-" + std::to_string(last) + total);
    return plain_answer(fields, all.substr(static_cast<std::size_t>(first), static_cast<std::size_t>(last - first + 1)), 206);
}

}  // namespace tiercel::test
