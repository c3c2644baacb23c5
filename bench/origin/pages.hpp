#pragma once

#include "origin/request.hpp"

#include <chrono>
#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace tiercel::sample_origin {

enum class framing { length, chunked, until_close };

// A regular answer, and the pace at which it is sent.
struct reply {
    int status = 200;
    std::vector<std::pair<std::string, std::string>> fields;
    std::string body;
    framing framed = framing::length;
    std::string trailer;                       // a field line for the end of a chunked body
    bool early_hints = false;                  // 103 first
    bool close = false;                        // say Connection: close, and do so
    std::chrono::milliseconds delay{0};        // before the head
    std::chrono::milliseconds pause{0};        // between pieces of the body
    std::size_t piece = 0;                     // 0: all at once

    void set(std::string name, std::string value) { fields.emplace_back(std::move(name), std::move(value)); }
};

// Everything a page answers follows from the request and from `count`, the number of requests for its path so far; but for `clock`.
reply make_page(const request& r, std::uint64_t count);     // /page/NAME?…
reply make_object(const request& r, bool cacheable);        // /b/SIZE/NAME and /n/SIZE/NAME
reply make_text(int status, std::string_view type, std::string body);
// 304 instead when If-None-Match or If-Modified-Since of the request says so.
void apply_conditions(const request& r, reply& out);

// Status line and fields, Date included, with the empty line.
std::string head_text(const reply& r);
std::string http_date(std::int64_t seconds_since_1970);
std::int64_t seconds_now();

}  // namespace tiercel::sample_origin
