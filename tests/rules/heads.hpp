#pragma once

// Requests, responses and entries for the tests of the rules, made of text. Lines are separated by "|"; <n> in them stands for
// the date that lies n seconds after the reception, so that tables stay readable.

#include "http/head_parser.hpp"
#include "http/http_date.hpp"

#include <tiercel/entry.hpp>
#include <tiercel/rules.hpp>

#include <gtest/gtest.h>

#include <charconv>
#include <cstdint>
#include <string>
#include <string_view>

namespace tiercel::test {

inline constexpr std::int64_t reception = 1'700'000'000;   // Tue, 14 Nov 2023 22:13:20 GMT
inline constexpr instant received{seconds(reception)};
inline constexpr wall_time received_wall{seconds(reception)};

inline std::string date_at(std::int64_t seconds_after_reception)
{
    char out[29];
    format_http_date(reception + seconds_after_reception, out);
    return std::string(out, sizeof out);
}

// "|" becomes CRLF, <n> a date.
inline std::string wire_text(std::string_view text)
{
    std::string out;
    for (std::size_t i = 0; i < text.size(); ++i) {
        if (text[i] == '|') {
            out += "\r\n";
        } else if (text[i] == '<') {
            std::int64_t n = 0;
            const std::size_t end = text.find('>', i);
            const auto [stop, ec] = std::from_chars(text.data() + i + 1, text.data() + end, n);
            EXPECT_EQ(stop, text.data() + end) << text;
            out += date_at(n);
            i = end;
        } else {
            out += text[i];
        }
    }
    return out;
}

constexpr head_limits wide{.uri = 64 * 1024, .header_bytes = 1024 * 1024, .header_count = 1000};

// "GET /a|Cookie: x"; the version and a Host are added.
class made_request {
public:
    made_request(std::string_view text) : parser_(wide)
    {
        const std::size_t line_end = std::min(text.find('|'), text.size());
        bytes_ = wire_text(std::string(text.substr(0, line_end)) + " HTTP/1.1|Host: example.com" +
                           std::string(text.substr(line_end)) + "||");
        const auto parsed = parser_.parse(bytes_);
        EXPECT_TRUE(parsed.has_value() && *parsed == bytes_.size()) << bytes_;
    }
    operator const request_head&() const { return parser_.head(); }
    const request_head& head() const { return parser_.head(); }

private:
    std::string bytes_;
    request_head_parser parser_;
};

// "200|Cache-Control: max-age=60|Date: <0>"
class made_response {
public:
    made_response(std::string_view text) : bytes_(wire_text("HTTP/1.1 " + std::string(text) + "||")), parser_(wide)
    {
        const auto parsed = parser_.parse(bytes_);
        EXPECT_TRUE(parsed.has_value() && *parsed == bytes_.size()) << bytes_;
    }
    operator const response_head&() const { return parser_.head(); }
    const response_head& head() const { return parser_.head(); }

private:
    std::string bytes_;
    response_head_parser parser_;
};

inline fetch_times fetched(milliseconds took = milliseconds(0))
{
    return {received - took, received, received_wall};
}

// The entry that a response in full would have become, as seen by the rules; judged unless it may not be stored.
inline entry_ptr stored_as(std::string_view response, const caching_policy& policy = {}, milliseconds took = milliseconds(0))
{
    const made_response rs(response);
    const made_request rq("GET /a");
    const storing_verdict v = judge_storing(rq, "/a", rs, policy, fetched(took));
    EXPECT_TRUE(v.store) << response << " is refused: " << name_of(v.why);
    const response_head& head = rs;
    std::string block = wire_text("HTTP/1.1 " + std::string(response) + "|");
    if (block.find("Age: ") != std::string::npos) {   // entries keep none
        const std::size_t at = block.find("Age: ");
        block.erase(at, block.find("\r\n", at) + 2 - at);
    }
    entry_parts p;
    p.key = "key";
    p.times = v.times;
    p.flags = v.flags;
    p.status = head.status;
    p.head = block;
    p.etag = head.first(header::etag);
    p.last_modified = parse_http_date(head.first(header::last_modified), reception);
    p.date = parse_http_date(head.first(header::date), reception).value_or(reception);
    p.small_body = "content";
    return entry::make(p);
}

}  // namespace tiercel::test
