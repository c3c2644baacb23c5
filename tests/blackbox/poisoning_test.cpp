// What one client sends must never change what another one gets: it is in the key, or it does not reach the origin.

#include "blackbox/setting.hpp"

#include <gtest/gtest.h>

namespace tiercel::test {
namespace {

using namespace std::string_literals;
using testing::HasSubstr;
using testing::Not;

constexpr const char* marker = "evil-marker";

// The origin reflects each request whole, and the route keeps every answer for a minute.
class Poisoning : public testing::Test {
protected:
    std::string fresh_target() { return "/echo?n=" + std::to_string(++number_); }

    // The attacker's answer may be anything; afterwards nobody may see the marker, and the origin has not either.
    void expect_harmless(const std::string& attack, const std::string& target)
    {
        raw_client attacker = proxy_.client();
        attacker.send(attack);
        attacker.read_response();
        const http_response victim = proxy_.get(target, {{"Host", "shop"}});
        EXPECT_EQ(victim.status, 200);
        EXPECT_THAT(victim.body, HasSubstr(" HTTP/1.1\r\n"));   // it is a reflection
        EXPECT_THAT(victim.body, Not(HasSubstr(marker)));
        EXPECT_THAT(victim.raw_head, Not(HasSubstr(marker)));
    }

    origin_process origin_;
    proxy proxy_{setting{.origin_url = origin_.url(), .route_options = "ttl: {default: 60s}"}.yaml()};
    int number_ = 0;
};

TEST_F(Poisoning, UnkeyedFieldsDoNotReachTheOrigin)
{
    const char* names[] = {
        "X-Forwarded-Host", "X-Forwarded-For", "X-Forwarded-Proto", "X-Forwarded-Protocol", "X-Forwarded-Scheme", "X-Forwarded-Ssl",
        "X-Forwarded-Port", "X-Forwarded-Server", "X-Forwarded-Prefix", "X-Forwarded-Path", "X-Forwarded-Uri", "X-Forwarded-By",
        "X-Forwarded-User", "X-Forwarded", "Forwarded", "X-Original-URL", "X-Original-Uri", "X-Original-Host", "X-Original-Method",
        "X-Rewrite-URL", "X-Rewrite-Uri", "X-Override-URL", "X-Host", "X-HTTP-Host-Override", "X-HTTP-Method", "X-HTTP-Method-Override",
        "X-Method-Override", "X-Real-IP", "X-Client-IP", "Client-IP", "True-Client-IP", "X-Cluster-Client-IP", "X-URL-Scheme",
        "Front-End-Https", "X-Backend-Host", "X-Proxy-Url", "Base-Url", "Request-Uri", "Proxy",
        // the same to an origin that reads names as environment variables
        "X_Forwarded_Host", "X-Forwarded_Host", "x_original_url", "X_HTTP_METHOD_OVERRIDE", "X_Rewrite-URL", "X_Real_IP",
        "Accept_Encoding", "Content_Length", "Transfer_Encoding", "X-FORWARDED-HOST"};
    for (const std::string name : names) {
        SCOPED_TRACE("16 " + name);
        const std::string target = fresh_target();
        expect_harmless("GET " + target + " HTTP/1.1\r\nHost: shop\r\n" + name + ": " + marker + "\r\n\r\n", target);
        EXPECT_EQ(cache_status_of(proxy_.get(target, {{"Host", "shop"}})).text(), "hit; detail=l1");
    }
}

TEST_F(Poisoning, HopByHopFieldsDoNotReachTheOrigin)
{
    for (const std::string lines : {"Keep-Alive: @", "Proxy-Authorization: @", "Proxy-Connection: @", "TE: @", "Trailer: @",
                                    "Upgrade: @", "Connection: @", "Connection: X-Mine\r\nX-Mine: @", "HTTP2-Settings: @"}) {
        SCOPED_TRACE("12 " + lines);
        std::string fields = lines;
        fields.replace(fields.find('@'), 1, marker);
        const std::string target = fresh_target();
        expect_harmless("GET " + target + " HTTP/1.1\r\nHost: shop\r\n" + fields + "\r\n\r\n", target);
    }
}

TEST_F(Poisoning, ContentOfAGetIsInNoStoredAnswer)
{
    for (const std::string framing : {"Content-Length: 11\r\n\r\nevil-marker", "Transfer-Encoding: chunked\r\n\r\nb\r\nevil-marker\r\n0\r\n\r\n"}) {
        SCOPED_TRACE("16 " + framing);
        const std::string target = fresh_target();
        expect_harmless("GET " + target + " HTTP/1.1\r\nHost: shop\r\n" + framing, target);
    }
}

TEST_F(Poisoning, OnlyGetFillsTheCache)
{
    for (const std::string method : {"HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "BREW", "get", "PURGE"}) {
        SCOPED_TRACE("18 " + method);
        const std::string target = fresh_target();
        raw_client attacker = proxy_.client();
        attacker.send(method + " " + target + " HTTP/1.1\r\nHost: shop\r\nX-Mine: " + marker + "\r\n\r\n");
        EXPECT_EQ(attacker.read_response(method == "HEAD").status, 200);
        const http_response victim = proxy_.get(target, {{"Host", "shop"}});
        EXPECT_FALSE(cache_status_of(victim).hit);
        EXPECT_THAT(victim.body, testing::StartsWith("GET "));
        EXPECT_THAT(victim.body, Not(HasSubstr(marker)));
    }
}

TEST_F(Poisoning, AnswersToConditionsAndRangesAreNotTheWhole)
{
    const struct {
        const char* name;
        const char* fields;
        const char* page;
    } table[] = {
        {"18 If-None-Match", "If-None-Match: \"a\"\r\n", "?etag=a&size=50"},
        {"18 If-None-Match of anything", "If-None-Match: *\r\n", "?etag=a&size=51"},
        {"18 If-Modified-Since", "If-Modified-Since: Fri, 01 Jan 2100 00:00:00 GMT\r\n", "?etag=a&modified=60&size=52"},
        {"18 If-Match", "If-Match: \"b\"\r\n", "?etag=a&size=53"},
        {"18 Range", "Range: bytes=0-1\r\n", "?etag=a&size=54"},
        {"18 Range that cannot be satisfied", "Range: bytes=1000-\r\n", "?etag=a&size=55"},
        {"18 Range with If-Range", "Range: bytes=0-1\r\nIf-Range: \"a\"\r\n", "?etag=a&size=56"},
    };
    for (const auto& row : table) {
        SCOPED_TRACE(row.name);
        const std::string target = "/page/whole"s + row.page;
        raw_client first = proxy_.client();
        first.send("GET " + target + " HTTP/1.1\r\nHost: shop\r\n" + row.fields + "\r\n");
        first.read_response();
        for (int i = 0; i < 2; ++i) {
            const http_response r = proxy_.get(target, {{"Host", "shop"}});
            EXPECT_EQ(r.status, 200);
            EXPECT_EQ(std::to_string(r.body.size()), target.substr(target.size() - 2));
        }
    }
    const http_response part = proxy_.get("/fault/unasked-206", {{"Host", "shop"}});
    EXPECT_FALSE(cache_status_of(part).stored) << "18 206 that nobody asked for";
    EXPECT_FALSE(cache_status_of(proxy_.get("/fault/unasked-206", {{"Host", "shop"}})).hit);
}

// A marker in the name that the victim does not use stays under that name.
TEST_F(Poisoning, OtherAuthoritiesAreOtherEntries)
{
    const struct {
        const char* name;
        const char* line;
        const char* host;
    } table[] = {
        {"10 another Host", "GET @ HTTP/1.1", "evil-marker"},
        {"10 another port", "GET @ HTTP/1.1", "shop:666"},
        {"10 absolute form over Host", "GET http://evil-marker@ HTTP/1.1", "shop"},
    };
    for (const auto& row : table) {
        SCOPED_TRACE(row.name);
        const std::string target = fresh_target();
        std::string line = row.line;
        line.replace(line.rfind('@'), 1, target);
        expect_harmless(line + "\r\nHost: " + row.host + "\r\n\r\n", target);
        EXPECT_THAT(proxy_.get(target, {{"Host", "shop"}}).body, HasSubstr("\r\nHost: shop\r\n"));
    }
    // The other way round: absolute form and Host field are one and the same name.
    const std::string target = fresh_target();
    proxy_.get(target, {{"Host", "shop"}});
    EXPECT_TRUE(cache_status_of(proxy_.get("http://shop" + target, {{"Host", "other"}})).hit) << "10 absolute form is what counts";
}

// ---- normal forms --------------------------------------------------------------------------------------------------------

struct place {
    const char* host;
    const char* target;   // below /page/, before the query that makes it cacheable
};

struct pair_of_requests {
    const char* name;
    place first;
    place second;
    bool shared;
};

TEST_F(Poisoning, NormalFormsShareAnEntryAndNothingElseDoes)
{
    const pair_of_requests table[] = {
        {"15 host in another case", {"shop", "a1?"}, {"SHOP", "a1?"}, true},
        {"15 default port", {"shop", "a2?"}, {"shop:80", "a2?"}, true},
        {"15 default port with zeros", {"shop", "a3?"}, {"shop:0080", "a3?"}, true},
        {"15 empty port", {"shop", "a4?"}, {"shop:", "a4?"}, true},
        {"15 root dot", {"shop", "a5?"}, {"shop.", "a5?"}, true},
        {"15 escaped letter", {"shop", "a6?"}, {"shop", "%616?"}, true},
        {"15 escaped tilde", {"shop", "~a7?"}, {"shop", "%7ea7?"}, true},
        {"15 escape in another case", {"shop", "%2fa8?"}, {"shop", "%2Fa8?"}, true},
        {"15 escaped letter in the query", {"shop", "a9?b=c&"}, {"shop", "a9?%62=%63&"}, true},
        {"15 order of parameters", {"shop", "b1?a=1&b=2&"}, {"shop", "b1?b=2&a=1&"}, true},
        {"15 absolute form", {"shop", "b2?"}, {"shop", "http://shop/page/b2?"}, true},
        {"15 other host", {"shop", "c1?"}, {"shop2", "c1?"}, false},
        {"15 other port", {"shop", "c2?"}, {"shop:8080", "c2?"}, false},
        {"15 path in another case", {"shop", "c3?"}, {"shop", "C3?"}, false},
        {"15 escaped slash", {"shop", "c4/x?"}, {"shop", "c4%2Fx?"}, false},
        {"15 double slash", {"shop", "c5/x?"}, {"shop", "c5//x?"}, false},
        {"15 slash at the end", {"shop", "c6?"}, {"shop", "c6/?"}, false},
        {"15 escaped question mark", {"shop", "c7?x&"}, {"shop", "c7%3Fx?"}, false},
        {"15 escaped ampersand", {"shop", "c8?a=1&b=2&"}, {"shop", "c8?a=1%26b=2&"}, false},
        {"15 escaped equals sign", {"shop", "c9?a=b=c&"}, {"shop", "c9?a%3Db=c&"}, false},
        {"15 order of parameters of one name", {"shop", "d1?a=1&a=2&"}, {"shop", "d1?a=2&a=1&"}, false},
        {"15 empty value", {"shop", "d2?a&"}, {"shop", "d2?a=&"}, false},
        {"15 plus sign and blank", {"shop", "d3?a=+&"}, {"shop", "d3?a=%20&"}, false},
        {"15 separator of keys in the path", {"shop", "d4|x?"}, {"shop", "d4?|x&"}, false},
        {"15 host that ends in the path", {"shop", "d5?"}, {"shop.page", "d5?"}, false},
        {"15 escaped percent sign", {"shop", "d6%25?"}, {"shop", "d6%2525?"}, false},
        {"15 escaped line end", {"shop", "d7%0D%0AX:y?"}, {"shop", "d7X:y?"}, false},
        {"15 semicolons", {"shop", "d8;x?"}, {"shop", "d8?"}, false},
    };
    for (const pair_of_requests& row : table) {
        SCOPED_TRACE(row.name);
        const auto ask = [&](const place& at) {
            const std::string head = std::string(at.target).starts_with("http") ? "" : "/page/";
            return proxy_.get(head + at.target + "ttl=60", {{"Host", at.host}});
        };
        origin_.forget();
        const http_response first = ask(row.first);
        EXPECT_EQ(first.status, 200);
        EXPECT_TRUE(cache_status_of(first).stored);
        const http_response second = ask(row.second);
        EXPECT_EQ(second.status, 200);
        EXPECT_EQ(cache_status_of(second).hit, row.shared);
        EXPECT_EQ(origin_.requests(), row.shared ? 1u : 2u);
        // What was asked for is what was keyed: either form, asked again, is answered without the origin.
        EXPECT_TRUE(cache_status_of(ask(row.first)).hit);
        EXPECT_TRUE(cache_status_of(ask(row.second)).hit);
    }
}

TEST_F(Poisoning, TheOriginSeesTheFormThatWasKeyed)
{
    const struct {
        const char* name;
        const char* sent;
        const char* arrives;
    } table[] = {
        {"15 escapes of plain letters", "/page/%61%7E?x=%62", "/page/a~?x=b"},
        {"15 escapes in lower case", "/page/%2f%3f?x=%26%c3%a4", "/page/%2F%3F?x=%26%C3%A4"},
        {"15 order of parameters", "/page/q?b=2&a=1&b=1", "/page/q?a=1&b=2&b=1"},
        {"15 line ends stay escaped", "/page/%0d%0aX:%20y", "/page/%0D%0AX:%20y"},
        {"15 empty query", "/page/e?", "/page/e?"},
    };
    for (const auto& row : table) {
        SCOPED_TRACE(row.name);
        origin_.forget();
        EXPECT_EQ(proxy_.get(row.sent).status, 200);
        const auto heads = origin_.request_heads();
        ASSERT_EQ(heads.size(), 1u);
        EXPECT_EQ(heads[0].substr(0, heads[0].find("\r\n")), "GET "s + row.arrives + " HTTP/1.1");
    }
}

// Values that select a variant are compared whole: no way to cut two of them makes them one.
TEST_F(Poisoning, VariantsDoNotRunIntoEachOther)
{
    const std::string target = "/page/varies?ttl=60&h=Vary:X-A,%20X-B";
    const header_list clients[] = {
        {{"X-A", "a"}, {"X-B", "b"}}, {{"X-A", "ab"}, {"X-B", ""}}, {{"X-A", "ab"}},  {{"X-B", "ab"}},
        {{"X-A", "a|b"}},             {{"X-A", "a"}, {"X-B", "|b"}}, {{"X-A", "b"}, {"X-B", "a"}}, {{"X-A", "A"}, {"X-B", "b"}},
        {{"X-A", "a x-b b"}},         {}};
    for (const header_list& fields : clients) {
        EXPECT_FALSE(cache_status_of(proxy_.get(target, fields)).hit) << "17 first request of " << fields.size() << " fields";
    }
    for (const header_list& fields : clients) { EXPECT_TRUE(cache_status_of(proxy_.get(target, fields)).hit) << "17 again"; }
}

}  // namespace
}  // namespace tiercel::test
