// Every limit lets through what just fits, and answers what does not clearly and at once.

#include "blackbox/setting.hpp"

#include <gtest/gtest.h>

#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>

namespace tiercel::test {
namespace {

using namespace std::chrono_literals;
using namespace std::string_literals;
using testing::HasSubstr;
using testing::Not;

constexpr std::size_t uri_limit = 256;
constexpr std::size_t head_limit = 1024;
constexpr std::size_t field_limit = 10;
constexpr std::size_t body_limit = 1000;

setting small_limits(const std::string& origin_url)
{
    setting s{.origin_url = origin_url};
    s.server = "{threads: 2, limits: {uri: 256, header_bytes: 1024, header_count: 10, body: 1000}}";
    return s;
}

// "GET TARGET …" whose target is that long.
std::string with_target(std::size_t length)
{
    return "GET /page/" + std::string(length - 6, 'x') + " HTTP/1.1\r\nHost: shop\r\n\r\n";
}

std::string with_head(std::size_t length)
{
    const std::string begin = "GET /page/x HTTP/1.1\r\nHost: shop\r\nX-Pad: ";
    return begin + std::string(length - begin.size() - 4, 'x') + "\r\n\r\n";
}

std::string with_fields(std::size_t count)
{
    std::string head = "GET /page/x HTTP/1.1\r\nHost: shop\r\n";
    for (std::size_t i = 1; i < count; ++i) { head += "X-" + std::to_string(i) + ": x\r\n"; }
    return head + "\r\n";
}

std::string with_length(std::size_t n, const std::string& fields = "")
{
    return "POST /page/x HTTP/1.1\r\nHost: shop\r\n" + fields + "Content-Length: " + std::to_string(n) + "\r\n\r\n" + std::string(n, 'x');
}

std::string with_chunks(std::size_t n)
{
    std::string all = "POST /page/x HTTP/1.1\r\nHost: shop\r\nTransfer-Encoding: chunked\r\n\r\n";
    for (std::size_t i = 0; i < n; ++i) { all += "1\r\nx\r\n"; }
    return all + "0\r\n\r\n";
}

TEST(Limits, LetThroughWhatFitsAndRefuseOneMore)
{
    const origin_process origin;
    const proxy p(small_limits(origin.url()).yaml());
    const struct {
        const char* name;
        std::string fits;
        std::string exceeds;
        int status;
        const char* reason;
    } table[] = {
        {"14 target", with_target(uri_limit), with_target(uri_limit + 1), 414, "uri_too_long"},
        {"14 head", with_head(head_limit), with_head(head_limit + 1), 431, "head_too_large"},
        {"14 fields", with_fields(field_limit), with_fields(field_limit + 1), 431, "head_too_large"},
        {"14 content with a length", with_length(body_limit), with_length(body_limit + 1), 413, "body_too_large"},
        {"14 content in chunks", with_chunks(body_limit), with_chunks(body_limit + 1), 413, "body_too_large"},
    };
    for (const auto& row : table) {
        SCOPED_TRACE(row.name);
        raw_client c = p.client();
        for (int i = 0; i < 2; ++i) {   // on one connection: the limit counts per request
            c.send(row.fits);
            EXPECT_EQ(c.read_response().status, 200);
        }
        const double before = p.metric("rejected_total", {{"reason", row.reason}});
        c.connect();
        c.try_send(row.exceeds + "GET /page/canary HTTP/1.1\r\nHost: shop\r\n\r\n");
        const http_response r = c.read_response();
        EXPECT_EQ(r.status, row.status);
        expect_refusal(r);
        EXPECT_EQ(c.read_to_end(), "") << "6 nothing behind it is parsed";
        EXPECT_TRUE(eventually([&] { return p.metric("rejected_total", {{"reason", row.reason}}) == before + 1; }));
    }
    EXPECT_EQ(origin.requests("/page/canary"), 0u);
}

// The answer comes when the limit is passed, not when the client is done.
TEST(Limits, AreAnsweredAtOnce)
{
    const origin_process origin;
    const proxy p(small_limits(origin.url()).yaml());
    const struct {
        const char* name;
        std::string bytes;   // of a message that does not end here
        int status;
    } table[] = {
        {"14 target without end", "GET /" + std::string(2 * uri_limit, 'x'), 414},
        {"14 line without end", "GET /page/x HTTP/1.1\r\nHost: shop\r\nX-Pad: " + std::string(head_limit, 'x'), 431},
        {"14 fields without end", with_fields(200).substr(0, head_limit + 10), 431},
        {"14 length announced", "POST /page/x HTTP/1.1\r\nHost: shop\r\nContent-Length: 1001\r\n\r\n", 413},
        {"14 length announced, 100 expected", "POST /page/x HTTP/1.1\r\nHost: shop\r\nExpect: 100-continue\r\nContent-Length: 1001\r\n\r\n", 413},
        {"14 chunk announced", "POST /page/x HTTP/1.1\r\nHost: shop\r\nTransfer-Encoding: chunked\r\n\r\n3e9\r\n", 413},
        {"14 chunks without end", with_chunks(body_limit + 10).substr(0, 7 * body_limit), 413},
    };
    for (const auto& row : table) {
        SCOPED_TRACE(row.name);
        raw_client c = p.client();
        c.send(row.bytes);
        const http_response r = c.read_response();
        EXPECT_EQ(r.status, row.status);
        EXPECT_TRUE(r.interim.empty()) << "no 100 before a refusal";
        expect_refusal(r);
        EXPECT_EQ(c.read_to_end(), "");
    }
}

TEST(Limits, AreReachedInLinearTime)
{
    const origin_process origin;
    setting s{.origin_url = origin.url()};
    s.server = "{threads: 1, limits: {header_bytes: 1MiB, header_count: 10000}}";
    const proxy p(s.yaml());
    std::string head = "GET /page/x HTTP/1.1\r\nHost: shop\r\n";
    for (int i = 0; i < 9'990; ++i) { head += "X-" + std::to_string(i) + ": some value of this field\r\n"; }
    const auto begin = std::chrono::steady_clock::now();
    raw_client c = p.client();
    for (int i = 0; i < 5; ++i) {   // in small pieces, so that each read looks anew
        for (std::size_t at = 0; at < head.size(); at += 700) { c.send(std::string_view(head).substr(at, 700)); }
        c.send("\r\n");
        c.read_response();
        if (!c.is_connected()) { c.connect(); }
    }
    EXPECT_LT(std::chrono::steady_clock::now() - begin, 10s) << "14 10,000 lines";
    EXPECT_EQ(p.get("/page/y").status, 200) << "14 the thread is free";
}

// ---- time ------------------------------------------------------------------------------------------------------------------

TEST(Timeouts, EndWhatIsTooSlow)
{
    const origin_process origin;
    setting s{.origin_url = origin.url()};
    s.server = "{threads: 2, timeouts: {header: 200ms, body_idle: 200ms, keep_alive: 300ms}}";
    const proxy p(s.yaml());
    const struct {
        const char* name;
        const char* bytes;
        int status;          // 0: closed without a word
        const char* reason;
    } table[] = {
        {"30 nothing", "", 0, ""},
        {"30 half a request line", "GET /page", 408, "head_timeout"},
        {"30 half a head", "GET /page/x HTTP/1.1\r\nHost: sh", 408, "head_timeout"},
        {"30 head without the empty line", "GET /page/x HTTP/1.1\r\nHost: shop\r\n", 408, "head_timeout"},
        {"30 no content", "POST /page/x HTTP/1.1\r\nHost: shop\r\nContent-Length: 10\r\n\r\n", 408, "body_timeout"},
        {"30 half the content", "POST /page/x HTTP/1.1\r\nHost: shop\r\nContent-Length: 10\r\n\r\nhello", 408, "body_timeout"},
        {"30 half the chunks", "POST /page/x HTTP/1.1\r\nHost: shop\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n", 408, "body_timeout"},
        {"30 half a chunk line", "POST /page/x HTTP/1.1\r\nHost: shop\r\nTransfer-Encoding: chunked\r\n\r\n5", 408, "body_timeout"},
    };
    for (const bool after_another : {false, true}) {
        for (const auto& row : table) {
            SCOPED_TRACE(row.name + (after_another ? ", second request"s : ""s));
            raw_client c = p.client();
            c.connect();
            if (after_another) { EXPECT_EQ(c.get("/page/first").status, 200); }
            c.send(row.bytes);
            if (row.status != 0) {
                const double before = p.metric("rejected_total", {{"reason", row.reason}});
                const http_response r = c.read_response();
                EXPECT_EQ(r.status, row.status);
                expect_refusal(r);
                EXPECT_TRUE(eventually([&] { return p.metric("rejected_total", {{"reason", row.reason}}) == before + 1; }));
            }
            EXPECT_EQ(c.read_to_end(), "");
        }
    }
}

// The time for a head is one for all of it: bytes that trickle in do not extend it.
TEST(Timeouts, AreNotExtendedByATrickle)
{
    const origin_process origin;
    setting s{.origin_url = origin.url()};
    s.server = "{threads: 2, timeouts: {header: 300ms}}";
    const proxy p(s.yaml());
    raw_client c = p.client();
    c.send("GET /page/x HTTP/1.1\r\nHost: shop\r\n");
    const auto begin = std::chrono::steady_clock::now();
    EXPECT_TRUE(eventually([&] { return !c.is_silent_for(10ms) || !c.try_send("X-A: b\r\n"); }, 10s)) << "30 it trickled on for ever";
    EXPECT_GE(std::chrono::steady_clock::now() - begin, 250ms);
}

// ---- connections -----------------------------------------------------------------------------------------------------------

void expect_full(raw_client& c)
{
    c.connect();
    const http_response r = c.read_response();   // before any request
    EXPECT_EQ(r.status, 503);
    expect_refusal(r);
    EXPECT_TRUE(r.has("Retry-After"));
    EXPECT_EQ(c.read_to_end(), "");
}

TEST(Connections, BeyondTheLimitAreAnsweredFastAndClosed)
{
    const origin_process origin;
    setting s{.origin_url = origin.url()};
    s.server = "{threads: 2, limits: {connections: 4}}";
    const proxy p(s.yaml());
    std::vector<raw_client> clients;
    for (int i = 0; i < 4; ++i) { EXPECT_EQ(clients.emplace_back(p.port()).get("/page/x").status, 200); }
    for (int i = 0; i < 3; ++i) {
        raw_client more = p.client();
        expect_full(more);
    }
    EXPECT_EQ(p.metric("rejected_total", {{"reason", "too_many_connections"}}), 3);
    for (raw_client& c : clients) { EXPECT_EQ(c.get("/page/x").status, 200) << "30 the others are unaffected"; }
    clients.back().close();
    EXPECT_TRUE(eventually([&] {
        try {
            return p.get("/page/x").status == 200;
        } catch (const std::exception&) {
            return false;
        }
    })) << "a place is free again";
}

// All of 127.0.0.0/8 is ours to come from.
byte_stream connect_from(const char* address, std::uint16_t port)
{
    unique_fd fd(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
    sockaddr_in at{};
    at.sin_family = AF_INET;
    ::inet_pton(AF_INET, address, &at.sin_addr);
    EXPECT_EQ(::bind(fd.get(), reinterpret_cast<sockaddr*>(&at), sizeof at), 0);
    ::inet_pton(AF_INET, "127.0.0.1", &at.sin_addr);
    at.sin_port = htons(port);
    EXPECT_EQ(::connect(fd.get(), reinterpret_cast<sockaddr*>(&at), sizeof at), 0);
    return byte_stream(std::move(fd));
}

TEST(Connections, AreCountedPerClientToo)
{
    const origin_process origin;
    setting s{.origin_url = origin.url()};
    const std::uint16_t port = free_port();
    s.server = "{threads: 2, listen: [\"0.0.0.0:" + std::to_string(port) + "\"], limits: {connections_per_client: 2}}";
    const proxy p(s.yaml());
    raw_client first(port);
    raw_client second(port);
    EXPECT_EQ(first.get("/page/x").status, 200);
    EXPECT_EQ(second.get("/page/x").status, 200);
    raw_client third(port);
    expect_full(third);
    byte_stream elsewhere = connect_from("127.0.0.2", port);
    elsewhere.send("GET /page/x HTTP/1.1\r\nHost: shop\r\n\r\n");
    EXPECT_EQ(read_response(elsewhere, false, after(default_timeout)).status, 200) << "another address has its own count";
    first.close();
    EXPECT_TRUE(eventually([&] {
        try {
            return raw_client(port).get("/page/x").status == 200;
        } catch (const std::exception&) {
            return false;
        }
    }));
}

TEST(Connections, AnswerPipelinedRequestsInOrder)
{
    const origin_process origin;
    const proxy p(setting{.origin_url = origin.url()}.yaml());
    EXPECT_EQ(p.get("/page/hit?ttl=60&body=hit", {{"Host", "shop"}}).status, 200);
    std::string all;
    std::vector<std::string> expected;
    for (int i = 0; i < 40; ++i) {   // more than server.limits.pipeline in one go
        const std::string own = "own" + std::to_string(i);
        const char* const kind[] = {"hit", "miss", "post"};
        const std::string which = kind[i % 3];
        if (which == "hit") {
            all += "GET /page/hit?ttl=60&body=hit HTTP/1.1\r\nHost: shop\r\n\r\n";
            expected.push_back("hit");
        } else if (which == "miss") {
            all += "GET /page/x?delay=2ms&body=" + own + " HTTP/1.1\r\nHost: shop\r\n\r\n";
            expected.push_back(own);
        } else {
            all += "POST /page/x HTTP/1.1\r\nHost: shop\r\nContent-Length: " + std::to_string(own.size()) + "\r\n\r\n" + own;
            expected.push_back(own);
        }
    }
    raw_client c = p.client();
    c.send(all);
    for (const std::string& body : expected) { EXPECT_EQ(c.read_response().body, body); }
    EXPECT_TRUE(c.is_silent_for(20ms));
}

// ---- the answers of our own ----------------------------------------------------------------------------------------------

TEST(Refusals, OfEveryKindAreProblemsAndHaveNoContentForHead)
{
    const origin_process origin;
    setting s = small_limits(origin.url());
    s.server = "{threads: 2, trusted_proxies: [127.0.0.1/32], limits: {uri: 256, header_bytes: 1024, body: 1000}, timeouts: {header: 200ms}}";
    s.origin_options = "try_timeout: 300ms, retry: {max: 0}, breaker: {failures: 3, mode: consecutive}";
    s.more = "tenancy: {resolvers: [{kind: header, name: X-Tenant-ID}]}\n";
    std::string yaml = s.yaml();
    yaml.replace(yaml.find("path: /}"), 8, "hosts: [shop], path: /}");
    const std::string who = "Host: shop\r\nX-Tenant-ID: red\r\n";
    const struct {
        int status;
        std::string request;   // M stands for the method
        bool with_head = true;
    } table[] = {
        {400, "M /page/%zz HTTP/1.1\r\n" + who + "\r\n"},
        {401, "M /page/x HTTP/1.1\r\nHost: shop\r\n\r\n"},
        {404, "M /page/x HTTP/1.1\r\nHost: other\r\nX-Tenant-ID: red\r\n\r\n"},
        {405, "TRACE /page/x HTTP/1.1\r\n" + who + "\r\n", false},
        {408, "M /page/x HTTP/1.1\r\n", false},
        {413, "POST /page/x HTTP/1.1\r\n" + who + "Content-Length: 1001\r\n\r\n", false},
        {414, "M /" + std::string(uri_limit, 'x') + " HTTP/1.1\r\n" + who + "\r\n", false},
        {421, "M http://other/page/x HTTP/1.1\r\n" + who + "\r\n"},
        {431, "M /page/x HTTP/1.1\r\n" + who + "X-Pad: " + std::string(head_limit, 'x') + "\r\n\r\n", false},
        {501, "CONNECT shop:80 HTTP/1.1\r\n" + who + "\r\n", false},
        {505, "M /page/x HTTP/2.0\r\n" + who + "\r\n", false},
        {502, "M /fault/garbage HTTP/1.1\r\n" + who + "\r\n"},
        {504, "M /fault/hang HTTP/1.1\r\n" + who + "\r\n"},
    };
    const proxy p(yaml);
    for (const auto& row : table) {
        for (const std::string method : {"GET", "HEAD"}) {
            if (method == "HEAD" && !row.with_head) { continue; }
            SCOPED_TRACE(std::to_string(row.status) + " to " + method);
            std::string bytes = row.request;
            if (bytes.front() == 'M') { bytes.replace(0, 1, method); }
            raw_client c = p.client();
            c.send(bytes);
            http_response r = c.read_response(method == "HEAD");
            EXPECT_EQ(r.status, row.status);
            if (method == "HEAD") {
                EXPECT_EQ(r.header("Content-Type"), "application/problem+json");
                EXPECT_TRUE(c.is_silent_for(20ms) || c.read_to_end().empty()) << "content after a HEAD";
            } else {
                expect_problem(r);
            }
            p.get("/page/well", {{"Host", "shop"}, {"X-Tenant-ID", "red"}});   // keeps the breaker closed
        }
    }
    // 503: the breaker has opened.
    for (int i = 0; i < 3; ++i) { p.get("/fault/garbage?" + std::to_string(i), {{"Host", "shop"}, {"X-Tenant-ID", "red"}}); }
    const http_response r = p.get("/page/x", {{"Host", "shop"}, {"X-Tenant-ID", "red"}});
    EXPECT_EQ(r.status, 503);
    EXPECT_TRUE(r.has("Retry-After"));
    expect_problem(r);
}

}  // namespace
}  // namespace tiercel::test
