// No bytes of a client may be taken for a request by one side and for something else by the other (RFC 9112 §11.2).

#include "blackbox/hostile_requests.hpp"
#include "blackbox/setting.hpp"
#include "support/fake_origin.hpp"

#include <gtest/gtest.h>

#include <sys/socket.h>

#include <cstdio>

namespace tiercel::test {
namespace {

using namespace std::chrono_literals;
using namespace std::string_literals;
using testing::HasSubstr;
using testing::Not;

std::string canary(std::size_t number) { return "/page/canary-" + std::to_string(number); }

// Without a body: what has no framing in it can be smuggled whole.
std::string canary_request(std::size_t number)
{
    return "GET " + canary(number) + " HTTP/1.1\r\nHost: shop\r\nX-Tenant-ID: red\r\n\r\n";
}

// What an origin may see of a request that was broken off or never refused: lines written by the proxy and nothing odd.
void expect_clean_head(const std::string& head)
{
    const std::size_t end = head.find("\r\n");
    EXPECT_THAT(head.substr(0, end), testing::MatchesRegex("[A-Z]+ /[^ ]* HTTP/1\\.1"));
    std::size_t lengths = 0;
    std::size_t hosts = 0;
    for (std::size_t at = end + 2; at < head.size() - 2;) {
        const std::size_t next = head.find("\r\n", at);
        const std::string line = head.substr(at, next - at);
        at = next + 2;
        EXPECT_THAT(line, testing::MatchesRegex("[A-Za-z0-9-]+: ?.*"));
        EXPECT_EQ(line.find_first_of(std::string("\0\r\n\x01\x0b\x0c\x7f", 7)), std::string::npos) << line;
        const std::string name = line.substr(0, line.find(':'));
        lengths += equal_names(name, "Content-Length") || equal_names(name, "Transfer-Encoding") ? 1 : 0;
        hosts += equal_names(name, "Host") ? 1 : 0;
    }
    EXPECT_LE(lengths, 1u) << head;
    EXPECT_EQ(hosts, 1u) << head;
}

class RequestSmuggling : public testing::Test {
protected:
    // Sends each with a canary right behind, in one piece, and looks at all that comes back and at all that goes on.
    void expect_refused(const proxy& p, const std::vector<hostile_request>& table) const
    {
        std::size_t number = 0;
        for (const hostile_request& h : table) {
            SCOPED_TRACE(h.name);
            raw_client c = p.client();
            c.connect();
            c.try_send(h.bytes + canary_request(++number));
            try {
                const http_response r = c.read_response();
                EXPECT_THAT(h.statuses, testing::Contains(r.status));
                expect_refusal(r);
                if (r.header("Connection") == "close") {
                    EXPECT_EQ(c.read_to_end(), "") << "something behind it was answered";
                }
            } catch (const std::exception& e) {
                ADD_FAILURE() << e.what();
            }
            EXPECT_EQ(origin_.requests(canary(number)), 0u);
        }
        for (const std::string& head : origin_.request_heads()) {
            EXPECT_THAT(head, Not(HasSubstr("canary")));
            expect_clean_head(head);
        }
        // The proxy is as well as before.
        EXPECT_EQ(p.client().get(canary(0), {{"X-Tenant-ID", "red"}}).status, 200);
        EXPECT_EQ(origin_.requests(canary(0)), 1u);
    }

    void expect_refused(const std::vector<hostile_request>& table) const
    {
        const proxy p(setting{.origin_url = origin_.url()}.yaml());
        expect_refused(p, table);
    }

    origin_process origin_;
};

TEST_F(RequestSmuggling, AmbiguousFramingIsRefused) { expect_refused(hostile_framing()); }
TEST_F(RequestSmuggling, MalformedChunksAreRefused) { expect_refused(hostile_chunks()); }
TEST_F(RequestSmuggling, MalformedLinesAreRefused) { expect_refused(hostile_lines()); }
TEST_F(RequestSmuggling, MalformedTargetsAreRefused) { expect_refused(hostile_targets()); }
TEST_F(RequestSmuggling, MalformedHostsAreRefused) { expect_refused(hostile_hosts()); }

TEST_F(RequestSmuggling, MalformedTenantsAreRefused)
{
    setting s{.origin_url = origin_.url()};
    s.server = "{threads: 2, trusted_proxies: [127.0.0.0/8]}";
    s.more = "tenancy: {resolvers: [{kind: header, name: X-Tenant-ID}]}\n";
    expect_refused(proxy(s.yaml()), hostile_tenants());
}

// Which answer it is must not depend on how the network cut the bytes.
TEST_F(RequestSmuggling, RefusalsAreTheSameForBytesThatComeOneByOne)
{
    const proxy p(setting{.origin_url = origin_.url()}.yaml());
    std::vector<hostile_request> table = hostile_framing();
    for (const auto& more : {hostile_lines(), hostile_hosts()}) { table.insert(table.end(), more.begin(), more.end()); }
    for (std::size_t i = 0; i < table.size(); i += 5) {
        const hostile_request& h = table[i];
        if (h.bytes.size() > 300) { continue; }
        SCOPED_TRACE(h.name);
        raw_client c = p.client();
        c.connect();
        for (const char byte : h.bytes + canary_request(i)) {
            if (!c.try_send(std::string(1, byte))) { break; }
        }
        const http_response r = c.read_response();
        EXPECT_THAT(h.statuses, testing::Contains(r.status));
        EXPECT_EQ(r.header("Connection"), "close");
        EXPECT_EQ(c.read_to_end(), "");
        EXPECT_EQ(origin_.requests(canary(i)), 0u);
    }
}

// ---- content that is not read ------------------------------------------------------------------------------------------

struct unread_case {
    const char* name;
    const char* method;
    const char* target;
    int status;
};

// Answers that need no content: if the connection goes on, it must go on behind the content.
TEST_F(RequestSmuggling, ContentOfARequestThatIsAnsweredWithoutItIsNeverARequest)
{
    setting s{.origin_url = origin_.url()};
    s.more = "";
    std::string yaml = s.yaml();
    yaml.replace(yaml.find("path: /}"), 8, "path: /page}");   // so that other paths have no route
    const proxy p(yaml);
    ASSERT_EQ(p.get("/page/hit?ttl=60").status, 200);

    const unread_case table[] = {
        {"7 GET of a stored page", "GET", "/page/hit?ttl=60", 200},
        {"7 HEAD of a stored page", "HEAD", "/page/hit?ttl=60", 200},
        {"7 no route", "POST", "/nowhere", 404},
        {"7 no route, GET", "GET", "/nowhere", 404},
        {"7 method that is refused", "TRACE", "/page/x", 0},
        {"7 target that is refused", "POST", "/page/%zz", 400},
        {"13 answer before the content was read", "POST", "/page/x", 200},
    };
    std::size_t number = 1000;
    for (const unread_case& u : table) {
        for (const std::string framing : {"length", "chunked", "expect"}) {
            SCOPED_TRACE(u.name + " "s + framing);
            const std::string smuggled = canary_request(++number);
            const std::string honest = canary_request(++number);
            std::string bytes = u.method + " "s + u.target + " HTTP/1.1\r\nHost: shop\r\n";
            if (framing == "chunked") {
                char size[16];
                std::snprintf(size, sizeof size, "%zx", smuggled.size());
                bytes += "Transfer-Encoding: chunked\r\n\r\n" + std::string(size) + "\r\n" + smuggled + "\r\n0\r\n\r\n";
            } else {
                bytes += framing == "expect" ? "Expect: 100-continue\r\n" : "";
                bytes += "Content-Length: " + std::to_string(smuggled.size()) + "\r\n\r\n" + smuggled;
            }
            raw_client c = p.client();
            c.connect();
            c.try_send(bytes + honest);
            const http_response r = c.read_response(u.method == "HEAD"s);
            if (u.status != 0) { EXPECT_EQ(r.status, u.status); }
            if (r.header("Connection") == "close") {
                EXPECT_EQ(c.read_to_end(), "");
            } else {
                EXPECT_EQ(c.read_response().status, 200);   // the honest one
                EXPECT_TRUE(c.is_silent_for(20ms));
                EXPECT_EQ(origin_.requests(canary(number)), 1u);
            }
            EXPECT_EQ(origin_.requests(canary(number - 1)), 0u);
        }
    }
}

TEST_F(RequestSmuggling, NothingBehindConnectionCloseIsAnswered)
{
    const proxy p(setting{.origin_url = origin_.url()}.yaml());
    std::size_t number = 2000;
    for (const std::string head : {"GET /page/x HTTP/1.1\r\nHost: shop\r\nConnection: close\r\n\r\n",
                                   "GET /page/x HTTP/1.1\r\nHost: shop\r\nConnection: keep-alive, CLOSE\r\n\r\n",
                                   "GET /page/x HTTP/1.1\r\nHost: shop\r\nConnection: a\r\nConnection: close\r\n\r\n",
                                   "GET /page/x HTTP/1.0\r\nHost: shop\r\n\r\n",
                                   "POST /page/x HTTP/1.1\r\nHost: shop\r\nConnection: close\r\nContent-Length: 2\r\n\r\nok"}) {
        SCOPED_TRACE("6 " + head);
        raw_client c = p.client();
        c.send(head + canary_request(++number));
        EXPECT_EQ(c.read_response().status, 200);
        EXPECT_EQ(c.read_to_end(), "");
        EXPECT_EQ(origin_.requests(canary(number)), 0u);
    }
}

// ---- what goes on to the origin ----------------------------------------------------------------------------------------

struct broken_upload {
    const char* name;
    std::string bytes;
    enum { finish, reset } ending = finish;
};

// An upload that stops is broken off on the other side as well, never completed.
TEST(BrokenUploads, AreNeverEndedAsIfWhole)
{
    fake_origin origin;   // it counts what came in whole
    const proxy p(setting{.origin_url = origin.url()}.yaml());
    const std::string head = "POST /up HTTP/1.1\r\nHost: shop\r\n";
    const std::string much(100'000, 'x');
    const broken_upload table[] = {
        {"5 half of the length, then the end", head + "Content-Length: 10\r\n\r\nhello"},
        {"5 half of the length, then a reset", head + "Content-Length: 10\r\n\r\nhello", broken_upload::reset},
        {"5 half of a long one, then the end", head + "Content-Length: 200000\r\n\r\n" + much},
        {"5 half of a long one, then a reset", head + "Content-Length: 200000\r\n\r\n" + much, broken_upload::reset},
        {"5 chunks without the last", head + "Transfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n"},
        {"5 the end within a chunk", head + "Transfer-Encoding: chunked\r\n\r\n5\r\nhel"},
        {"5 the end within the last chunk", head + "Transfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n"},
        {"5 chunks, then a reset", head + "Transfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n", broken_upload::reset},
        {"5 a good chunk, then a bad one", head + "Transfer-Encoding: chunked\r\n\r\n5\r\nhello\r\nzz\r\n"},
        {"5 a long chunk, then a bad one", head + "Transfer-Encoding: chunked\r\n\r\n186a0\r\n" + much + "\r\nzz\r\n0\r\n\r\n"},
        {"5 a chunk longer than its size", head + "Transfer-Encoding: chunked\r\n\r\n3\r\nhello\r\n0\r\n\r\n"},
        {"5 a bad trailer", head + "Transfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\nbad\r\n\r\n"},
    };
    origin.page("/up").body("thanks");
    for (const broken_upload& u : table) {
        SCOPED_TRACE(u.name);
        raw_client c = p.client();
        c.send(u.bytes);
        if (u.ending == broken_upload::reset) {
            c.reset();
        } else {
            c.shutdown_send();
            EXPECT_THAT(c.read_to_end(), Not(HasSubstr("200")));
        }
    }
    // The origin has hung up on each, or was hung up on, and saw none to its end.
    EXPECT_TRUE(eventually([&] { return origin.open_connections() == 0; }));
    EXPECT_EQ(origin.page("/up").requests(), 0);
    EXPECT_EQ(p.request("POST", "/up", {}, "whole").body, "thanks");
    EXPECT_EQ(origin.page("/up").requests(), 1);
}

struct rewritten_case {
    const char* name;
    std::string sent;
    std::string first_line;
    std::vector<std::string> present{};   // lines of the head, or content
    std::vector<std::string> absent{};    // text that must not be anywhere
};

// One connection of the proxy's, read as it is: no parser of ours stands between the bytes and the test.
class raw_origin {
public:
    std::string url() const { return "http://127.0.0.1:" + std::to_string(port_of(listener_)); }

    // Everything up to `end`; answers 204.
    std::string take_request(std::string_view end)
    {
        if (!wait_readable(listener_.get(), after(default_timeout))) { throw timed_out("no connection came"); }
        byte_stream s(unique_fd(::accept(listener_.get(), nullptr, nullptr)));
        std::string all = s.read_until(end, 1 << 20);
        s.send("HTTP/1.1 204 No Content\r\nConnection: close\r\n\r\n");
        EXPECT_TRUE(s.is_closed_by_peer()) << "there was more";
        return all;
    }

private:
    unique_fd listener_ = listen_on_loopback();
};

TEST(ForwardedRequests, AreWrittenAnewFromParsedParts)
{
    raw_origin origin;
    const proxy p(setting{.origin_url = origin.url(), .origin_options = "pool: {idle: 0}"}.yaml());
    const rewritten_case table[] = {
        {"1 chunk lines, extensions and trailers stay here",
         "POST /a HTTP/1.1\r\nHost: shop\r\ntransfer-encoding:   Chunked \r\nTrailer: X-Trail\r\n\r\n"
         "0005;name=\"va;lue\"\r\nhello\r\n1;x\r\n!\r\n0;last\r\nX-Trail: value\r\n\r\n",
         "POST /a HTTP/1.1", {"\r\nTransfer-Encoding: chunked\r\n", "hello", "!"}, {"name=", "0005", ";x", "last", "value", "X-Trail"}},
        {"4 padded sizes are tolerated, and not passed on",
         "POST /a HTTP/1.1\r\nHost: shop\r\nTransfer-Encoding: chunked\r\n\r\n5 \t\r\nhello\r\n0 \r\n\r\n",
         "POST /a HTTP/1.1", {"\r\n5\r\nhello\r\n0\r\n\r\n"}},
        {"1 a length is written anew",
         "POST /a HTTP/1.1\r\nHost: shop\r\ncontent-length:\t0006 \r\n\r\nhello!",
         "POST /a HTTP/1.1", {"\r\nContent-Length: 6\r\n", "hello!"}, {"content-length", "0006"}},
        {"9 absolute form becomes path and Host",
         "GET HTTP://SHOP:80/a?b HTTP/1.1\r\nHost: other\r\n\r\n",
         "GET /a?b HTTP/1.1", {"\r\nHost: shop\r\n"}, {"other", "SHOP", "http://"}},
        {"9 absolute form without path",
         "GET http://shop HTTP/1.1\r\nHost: shop\r\n\r\n", "GET / HTTP/1.1", {"\r\nHost: shop\r\n"}},
        {"9 a question to the server as such", "OPTIONS * HTTP/1.1\r\nHost: shop\r\n\r\n", "OPTIONS * HTTP/1.1", {"\r\nHost: shop\r\n"}},
        {"9 an empty line before the request", "\r\nGET /a HTTP/1.1\r\nHost: shop\r\n\r\n", "GET /a HTTP/1.1"},
        {"1 HTTP/1.0 becomes 1.1",
         "GET /a HTTP/1.0\r\nHost: shop\r\nConnection: keep-alive\r\n\r\n", "GET /a HTTP/1.1", {"\r\nVia: 1.0 tiercel\r\n"},
         {"keep-alive"}},
        {"12 hop-by-hop fields and those named",
         "GET /a HTTP/1.1\r\nHost: shop\r\nConnection: x-named ,, X-More\r\nX-Named: secret\r\nx-more: secret\r\nKeep-Alive: secret\r\n"
         "Proxy-Connection: secret\r\nProxy-Authorization: secret\r\nTE: secret\r\nTrailer: secret\r\nUpgrade: secret\r\nX-Kept: kept\r\n\r\n",
         "GET /a HTTP/1.1", {"\r\nX-Kept: kept\r\n"}, {"secret", "X-More", "x-named", "Keep-Alive", "Upgrade"}},
        {"12 naming what must stay is without effect",
         "POST /a HTTP/1.1\r\nHost: shop\r\nConnection: Host, Content-Length, Authorization, Cookie, close\r\nContent-Length: 5\r\n"
         "Authorization: basic\r\nCookie: a=b\r\n\r\nwhole",
         "POST /a HTTP/1.1", {"\r\nContent-Length: 5\r\n", "\r\nHost: shop\r\n", "\r\nAuthorization: basic\r\n", "\r\nCookie: a=b\r\n", "whole"}},
        {"12 naming a coding is without effect",
         "POST /a HTTP/1.1\r\nHost: shop\r\nConnection: transfer-encoding\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nok\r\n0\r\n\r\n",
         "POST /a HTTP/1.1", {"\r\nTransfer-Encoding: chunked\r\n", "2\r\nok\r\n0\r\n\r\n"}},
        {"11 upgrades end here",
         "GET /a HTTP/1.1\r\nHost: shop\r\nConnection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\nHTTP2-Settings: AAMAAABk\r\n\r\n",
         "GET /a HTTP/1.1", {}, {"h2c", "HTTP2", "AAMAAABk", "pgrade"}},
        {"11 also when not named",
         "GET /a HTTP/1.1\r\nHost: shop\r\nUpgrade: websocket\r\nHTTP2-Settings: AAMAAABk\r\n\r\n",
         "GET /a HTTP/1.1", {}, {"websocket", "HTTP2", "pgrade"}},
        {"16 content of a GET is not hidden from the framing",
         "GET /a HTTP/1.1\r\nHost: shop\r\nContent-Length: 5\r\n\r\nhello",
         "GET /a HTTP/1.1", {"\r\nContent-Length: 5\r\n", "hello"}},
        {"8 blanks around a value", "GET /a HTTP/1.1\r\nHost: shop\r\nX-A: \t  b c\t \r\nX-Empty:\r\n\r\n", "GET /a HTTP/1.1",
         {"\r\nX-A: b c\r\n", "\r\nX-Empty: \r\n"}},
    };
    for (const rewritten_case& r : table) {
        SCOPED_TRACE(r.name);
        raw_client c = p.client();
        c.send(r.sent);
        const bool has_chunks = r.sent.find("hunked") != std::string::npos;
        const bool has_length = !r.present.empty() && r.present.front().find("Content-Length") != std::string::npos;
        const std::string end = has_chunks ? "0\r\n\r\n" : has_length ? r.present.back() : "\r\n\r\n";
        const std::string got = origin.take_request(end);
        EXPECT_EQ(got.substr(0, got.find("\r\n")), r.first_line);
        for (const std::string& text : r.present) { EXPECT_THAT(got, HasSubstr(text)); }
        for (const std::string& text : r.absent) { EXPECT_THAT(got, Not(HasSubstr(text))); }
        EXPECT_EQ(c.read_response().status, 204);
    }
}

// What is left of an answer that its client did not want is nobody's.
TEST(AbortedDownloads, SpoilTheConnectionToTheOrigin)
{
    const origin_process origin;
    const proxy p(setting{.origin_url = origin.url(), .origin_options = "pool: {max: 2, queue: 10, queue_timeout: 10s}"}.yaml());
    for (int i = 0; i < 10; ++i) {
        for (const std::string target : {"/n/5000000/", "/b/5000000/"}) {
            SCOPED_TRACE("13 " + target + std::to_string(i));
            raw_client c = p.client();
            c.send("GET " + target + std::to_string(i) + " HTTP/1.1\r\nHost: shop\r\n\r\n");
            EXPECT_THAT(c.read_some(), HasSubstr("200 OK"));
            if (i % 2 == 0) {
                c.reset();
            } else {
                c.close();
            }
            EXPECT_EQ(p.get("/page/next?body=next" + std::to_string(i)).body, "next" + std::to_string(i));
        }
    }
}

// After an answer that came before the content was through, nobody else's request may follow on that connection.
TEST(EarlyAnswers, SpoilTheConnectionToTheOrigin)
{
    const origin_process origin;
    const proxy p(setting{.origin_url = origin.url()}.yaml());
    const std::string smuggled = canary_request(1);
    for (int i = 0; i < 5; ++i) {
        SCOPED_TRACE("13 early answer " + std::to_string(i));
        raw_client c = p.client();
        c.connect();
        c.try_send("POST /fault/early-413 HTTP/1.1\r\nHost: shop\r\nContent-Length: 1000000\r\n\r\n" + smuggled);
        EXPECT_EQ(c.read_response().status, 413);
        c.close();
        const http_response next = p.get("/page/next?serial=1");
        EXPECT_EQ(next.status, 200);
        EXPECT_EQ(next.body, std::to_string(i + 1));
    }
    EXPECT_EQ(origin.requests(canary(1)), 0u);
}

}  // namespace
}  // namespace tiercel::test
