#include "scenario.hpp"

namespace tiercel::test {
namespace {

class Connection : public ::testing::Test {
protected:
    void start()
    {
        for (const std::string name : {"/a", "/b", "/c"}) {
            s.origin().page(name).cache_control("max-age=60").body("at " + name);
        }
        s.start();
        c.emplace(s.client());
    }
    static std::string get_of(const std::string& target, const std::string& more = "")
    {
        return "GET " + target + " HTTP/1.1\r\nHost: shop.test\r\n" + more + "\r\n";
    }

    scenario s;
    std::optional<raw_client> c;
};

// ---- keeping and closing ----

TEST_F(Connection, IsKeptForAnotherRequest)
{
    start();
    for (int i = 0; i < 3; ++i) {
        for (const std::string target : {"/a", "/b"}) {
            c->send(get_of(target));
            const http_response r = c->read_response();
            EXPECT_EQ(r.body, "at " + target);
            EXPECT_FALSE(r.has("Connection"));
        }
    }
}

TEST_F(Connection, ClosesWhenTheClientWantsIt)
{
    start();
    c->send(get_of("/a", "Connection: close\r\n"));
    answer(c->read_response()).expect_body("at /a").expect_header("Connection", "close");
    EXPECT_TRUE(c->is_closed_by_peer());
}

TEST_F(Connection, OfAnOldClientClosesUnlessItAsks)
{
    start();
    c->send("GET /a HTTP/1.0\r\nHost: shop.test\r\n\r\n");
    answer(c->read_response()).expect_body("at /a").expect_header("Connection", "close");
    EXPECT_TRUE(c->is_closed_by_peer());
    c->connect();
    for (int i = 0; i < 2; ++i) {
        c->send("GET /a HTTP/1.0\r\nHost: shop.test\r\nConnection: keep-alive\r\n\r\n");
        answer(c->read_response()).expect_body("at /a").expect_header("Connection", "keep-alive");
    }
}

TEST_F(Connection, ThatIsIdleForTooLongIsClosed)
{
    s.set("server.timeouts.keep_alive", "50ms");
    start();
    c->send(get_of("/a"));
    EXPECT_EQ(c->read_response().body, "at /a");
    EXPECT_TRUE(c->is_closed_by_peer());
}

TEST_F(Connection, ThatServesOneRequestOnlySaysSo)
{
    s.set("server.timeouts.keep_alive", "0s");
    start();
    c->send(get_of("/a"));
    answer(c->read_response()).expect_body("at /a").expect_header("Connection", "close");
    EXPECT_TRUE(c->is_closed_by_peer());
}

TEST_F(Connection, ThatIsHalfClosedStillGetsItsAnswer)
{
    start();
    auto& page = s.origin().page("/slow").body("late").hold();
    c->send(get_of("/slow"));
    c->shutdown_send();
    ASSERT_TRUE(page.wait_for_requests(1));
    page.release();
    EXPECT_EQ(c->read_response().body, "late");
}

TEST_F(Connection, AnEmptyLineBeforeARequestIsSkipped)
{
    start();
    c->send("\r\n" + get_of("/a"));
    EXPECT_EQ(c->read_response().body, "at /a");
}

TEST_F(Connection, ThatSaysNothingIsSimplyClosed)
{
    start();
    c->connect();
    c->shutdown_send();
    EXPECT_TRUE(c->is_closed_by_peer());
    s.expect_gauge(0, "connections");
}

// ---- pipelining ----

TEST_F(Connection, PipelinedRequestsAreAnsweredInOrder)
{
    start();
    s.get("/a");   // a hit before two misses must not overtake
    auto& slow = s.origin().page("/b").hold();
    c->send(get_of("/b") + get_of("/a") + get_of("/c"));
    ASSERT_TRUE(slow.wait_for_requests(1));
    slow.release();
    for (const std::string target : {"/b", "/a", "/c"}) {
        EXPECT_EQ(c->read_response().body, "at " + target);
    }
}

TEST_F(Connection, ManyPipelinedHitsAreAllAnswered)
{
    start();
    s.get("/a");
    std::string all;
    for (int i = 0; i < 500; ++i) {
        all += get_of("/a");
    }
    c->send(all);
    for (int i = 0; i < 500; ++i) {
        ASSERT_EQ(c->read_response().body, "at /a");
    }
}

TEST_F(Connection, PipelinedUploadsKeepTheirContentApart)
{
    start();
    auto& page = s.origin().page("/upload");
    page.answer([](const http_request& r) { return plain_answer({}, "got " + r.body); });
    std::string all;
    for (int i = 0; i < 5; ++i) {
        all += request_text("POST", "/upload", {{"Host", "shop.test"}}, "content " + std::to_string(i));
        all += "POST /upload HTTP/1.1\r\nHost: shop.test\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nno\r\n3\r\n. " + std::to_string(i) + "\r\n0\r\n\r\n";
        all += get_of("/a");
    }
    c->send(all);
    for (int i = 0; i < 5; ++i) {
        EXPECT_EQ(c->read_response().body, "got content " + std::to_string(i));
        EXPECT_EQ(c->read_response().body, "got no. " + std::to_string(i));
        EXPECT_EQ(c->read_response().body, "at /a");
    }
}

TEST_F(Connection, NothingIsReadBehindARequestThatCloses)
{
    start();
    c->send(get_of("/a", "Connection: close\r\n") + get_of("/b"));
    EXPECT_EQ(c->read_response().body, "at /a");
    EXPECT_TRUE(c->is_closed_by_peer());
    EXPECT_EQ(s.origin().page("/b").requests(), 0);
}

TEST_F(Connection, ARequestInManyPiecesIsOneRequest)
{
    start();
    const std::string text = get_of("/a", "X-Long: " + std::string(3'000, 'x') + "\r\n");
    for (std::size_t at = 0; at < text.size(); at += 97) {
        c->send(text.substr(at, 97));
    }
    EXPECT_EQ(c->read_response().body, "at /a");
}

// ---- content of requests that are refused here ----

TEST_F(Connection, ContentOfARefusedRequestIsNotTakenForARequest)
{
    s.set("routes.0.match.path", "/shop/");
    start();
    const std::string hidden = "GET /shop/hidden HTTP/1.1\r\nHost: shop.test\r\n\r\n";
    auto& page = s.origin().page("/shop/hidden").body("must not be seen");
    for (const bool chunked : {false, true}) {
        SCOPED_TRACE(chunked);
        c->connect();
        std::string text = "POST /elsewhere HTTP/1.1\r\nHost: shop.test\r\n";
        if (chunked) {
            text += "Transfer-Encoding: chunked\r\n\r\n" + hidden;
        } else {
            text += "Content-Length: " + std::to_string(hidden.size()) + "\r\n\r\n" + hidden;
        }
        c->send(text);
        const std::string all = (c->shutdown_send(), c->read_to_end());
        EXPECT_TRUE(all.starts_with("HTTP/1.1 404")) << all;
        EXPECT_EQ(all.find("HTTP/1.1", 5), std::string::npos) << all;
    }
    EXPECT_EQ(page.requests(), 0);
}

TEST_F(Connection, SurvivesARefusalThatLeavesNothingUnread)
{
    s.set("routes.0.match.path", "/shop/");
    start();
    s.origin().page("/shop/a").body("v1");
    c->send(get_of("/elsewhere") + get_of("/shop/a"));
    EXPECT_EQ(c->read_response().status, 404);
    EXPECT_EQ(c->read_response().body, "v1");
}

// ---- malformed requests ----

TEST_F(Connection, MalformedRequestsAreRefusedAndNothingBehindThemIsRead)
{
    start();
    const std::vector<std::pair<std::string, int>> examples = {
        {"nonsense\r\n\r\n", 400},
        {"GET /a HTTP/1.1\r\n\r\n", 400},                                                                  // no Host
        {"GET /a HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n", 400},
        {"GET /a HTTP/1.1\r\nHost: shop.test\r\nBad Name: x\r\n\r\n", 400},
        {"GET /a HTTP/1.1\r\nHost: shop.test\r\nName : x\r\n\r\n", 400},
        {"GET /a HTTP/1.1\r\nHost: shop.test\r\n folded: x\r\n\r\n", 400},
        {"GET /a HTTP/1.1\r\nHost: shop.test\r\nX: a\rb\r\n\r\n", 400},
        {"GET /a HTTP/1.1\r\nHost: shop.test\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nab", 400},
        {"GET /a HTTP/1.1\r\nHost: shop.test\r\nContent-Length: +1\r\n\r\na", 400},
        {"POST /a HTTP/1.1\r\nHost: shop.test\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", 400},
        {"POST /a HTTP/1.1\r\nHost: shop.test\r\nTransfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n", 400},
        {"POST /a HTTP/1.0\r\nHost: shop.test\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", 400},
        {"GET /a HTTP/3.0\r\nHost: shop.test\r\n\r\n", 505},
        {"GET  /a HTTP/1.1\r\nHost: shop.test\r\n\r\n", 400},
    };
    for (const auto& [bytes, status] : examples) {
        SCOPED_TRACE(bytes);
        const std::string got = s.client().exchange(bytes + get_of("/hidden"));
        EXPECT_TRUE(got.starts_with("HTTP/1.1 " + std::to_string(status))) << got;
        EXPECT_EQ(got.find("HTTP/1.1", 5), std::string::npos) << got;
    }
    EXPECT_EQ(s.origin().requests(), 0);
}

}  // namespace
}  // namespace tiercel::test
