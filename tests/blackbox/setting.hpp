#pragma once

// What the black-box tests share: short configurations, and checks that hold for every answer the proxy makes itself.

#include "support/origin_process.hpp"
#include "support/proxy.hpp"

#include <boost/json.hpp>
#include <gmock/gmock.h>

#include <string>
#include <string_view>

namespace tiercel::test {

// One origin behind everything, no Redis, no access log. `more` is YAML at top level: "server: {…}\ncache: {…}\n".
struct setting {
    std::string origin_url;
    std::string cache = "{l2: {kind: none}}";
    std::string server = "{threads: 2}";
    std::string origin_options = "";     // "retry: {max: 0}, …", after the endpoint
    std::string route_options = "";      // "deadline: 5s, …"
    std::string log = "{level: warn, access: {file: \"off\"}}";
    std::string more = "";

    std::string yaml() const
    {
        const auto with_comma = [](const std::string& s) { return s.empty() ? s : ", " + s; };
        return "server: " + server + "\n" +
               "cache: " + cache + "\n" +
               "origins: {shop: {endpoints: [\"" + origin_url + "\"]" + with_comma(origin_options) + "}}\n" +
               "routes: [{name: all, match: {path: /}, origin: shop" + with_comma(route_options) + "}]\n" +
               "log: " + log + "\n" + more;
    }
};

// An answer of the proxy's own (RFC 9457): its form, its framing, and nothing in it about the inside.
inline void expect_problem(const http_response& r)
{
    EXPECT_EQ(r.header("Content-Type"), "application/problem+json");
    EXPECT_EQ(r.header("Cache-Control"), "no-store");
    EXPECT_TRUE(r.has("X-Request-ID"));
    boost::system::error_code ec;
    const boost::json::value v = boost::json::parse(r.body, ec);
    ASSERT_FALSE(ec) << r.body;
    ASSERT_TRUE(v.is_object()) << r.body;
    const boost::json::object& o = v.as_object();
    for (const char* name : {"type", "title", "status", "detail", "request_id"}) { EXPECT_TRUE(o.contains(name)) << r.body; }
    EXPECT_TRUE(o.contains("status") && o.at("status") == boost::json::value(r.status)) << r.body;
    EXPECT_TRUE(o.contains("request_id") && o.at("request_id") == boost::json::value(r.header("X-Request-ID").value_or(""))) << r.body;
    EXPECT_THAT(r.body, testing::Not(testing::ContainsRegex("127\\.0\\.0\\.1|\\.cpp|/src/|0x[0-9a-f]{6}"))) << r.body;
    cache_status_of(r);   // throws when it is none
}

// The same, and nothing more will be read from that connection.
inline void expect_refusal(const http_response& r)
{
    expect_problem(r);
    EXPECT_EQ(r.header("Connection"), "close");
}

}  // namespace tiercel::test
