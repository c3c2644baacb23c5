#include "scenario.hpp"

namespace tiercel::test {
namespace {

constexpr std::string_view get_a = "GET /a HTTP/1.1\r\nHost: shop.test\r\n\r\n";

// Where content ends, on both sides (RFC 9112 §6), when a message is unusual but not wrong.
class Framing : public ::testing::Test {
protected:
    void start()
    {
        s.set("origins.shop.endpoints", "[ '" + by_hand.url() + "' ]").set("server.threads", "1");
        s.start();
        c.emplace(s.client());
    }
    byte_stream ask(std::string_view request = get_a)
    {
        c->send(request);
        byte_stream link = by_hand.accept();
        read_request_head(link, after(default_timeout));
        return link;
    }

    scenario s;
    manual_origin by_hand;
    std::optional<raw_client> c;
};

// ---- answers of the origin ----

TEST_F(Framing, OfAnUnregisteredCodingEndsWithTheConnectionAndIsStored)
{
    start();
    byte_stream link = ask();
    link.send("HTTP/1.1 200 OK\r\nCache-Control: max-age=60\r\nTransfer-Encoding: xyz\r\n\r\n0\r\n\r\n");
    link.close();
    answer(c->read_response()).expect_status(200).expect_body("0\r\n\r\n");
    s.wait_until_quiet();
    s.get("/a").expect_body("0\r\n\r\n").expect_cache("hit; detail=l1").expect_no_header("Transfer-Encoding").expect_header("Content-Length", "5");
}

// Undoing only `chunked` would hand out compressed bytes as plain ones, and `xchunked` is what smugglers try.
TEST_F(Framing, ByACodingThatIsNotUndoneHereIsRefusedAndNothingOfItIsKept)
{
    start();
    int n = 0;
    for (const std::string coding : {"gzip, chunked", "xchunked", "gzip", "chunked, gzip", "xyz, chunked"}) {
        SCOPED_TRACE(coding);
        const std::string target = "/" + std::to_string(++n);
        byte_stream link = ask("GET " + target + " HTTP/1.1\r\nHost: shop.test\r\n\r\n");
        link.send("HTTP/1.1 200 OK\r\nCache-Control: max-age=60\r\nTransfer-Encoding: " + coding + "\r\n\r\n2\r\nv1\r\n0\r\n\r\n");
        answer(c->read_response()).expect_problem(502, "origin_invalid");
        EXPECT_EQ(link.read_to_end(), "");
        s.advance(2s);   // the memo of the error
        auto next = s.begin_get(target);
        link = by_hand.accept();
        EXPECT_EQ(by_hand.read(link).target, target);
        link.send(plain_answer({{"Connection", "close"}}, "v2"));
        next.get().expect_body("v2");
    }
    s.expect_metric(n, "origin_invalid_total", {{"reason", "length"}});
}

TEST_F(Framing, ByChunksWinsOverALengthAndTheConnectionIsNotTrustedAnyMore)
{
    start();
    byte_stream link = ask();
    link.send("HTTP/1.1 200 OK\r\nCache-Control: max-age=60\r\nContent-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n"
              "5\r\nhello\r\n0\r\n\r\n");
    answer(c->read_response()).expect_body("hello").expect_header("Content-Length", "5").expect_no_header("Transfer-Encoding");
    s.get("/a").expect_body("hello").expect_header("Content-Length", "5");
    EXPECT_EQ(link.read_to_end(), "");
}

TEST_F(Framing, ContentWhereNoneBelongsIsDroppedWithItsConnection)
{
    const std::string evil = "HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nevil";
    for (const auto& [request, head] : {
             std::pair<std::string, std::string>{"HEAD /a HTTP/1.1\r\nHost: shop.test\r\n\r\n", "HTTP/1.1 200 OK\r\nContent-Length: 43\r\n\r\n"},
             {"DELETE /a HTTP/1.1\r\nHost: shop.test\r\n\r\n", "HTTP/1.1 204 No Content\r\n\r\n"},
             {"GET /a HTTP/1.1\r\nHost: shop.test\r\nIf-Match: \"x\"\r\n\r\n", "HTTP/1.1 304 Not Modified\r\n\r\n"}}) {
        SCOPED_TRACE(request);
        scenario t;
        t.set("origins.shop.endpoints", "[ '" + by_hand.url() + "' ]").set("server.threads", "1").start();
        c.emplace(t.client());
        byte_stream link = ask(request);
        link.send(head + evil);
        const http_response r = c->read_response(request.starts_with("HEAD"));
        EXPECT_EQ(r.body, "");
        EXPECT_EQ(link.read_to_end(), "");
        c->send("GET /b HTTP/1.1\r\nHost: shop.test\r\n\r\n");
        byte_stream other = by_hand.accept();
        EXPECT_EQ(by_hand.read(other).target, "/b");
        other.send(plain_answer({{"Connection", "close"}}, "good"));
        EXPECT_EQ(c->read_response().body, "good");
    }
}

TEST_F(Framing, SurplusBytesKeepAnAnswerOutOfTheStore)
{
    start();
    byte_stream link = ask();
    link.send(plain_answer({{"Cache-Control", "max-age=60"}}, "v1") + "!");
    answer(c->read_response()).expect_body("v1").expect_cache("fwd=uri-miss; detail=surplus");
    EXPECT_EQ(link.read_to_end(), "");
    c->send(get_a);
    link = by_hand.accept();
    by_hand.read(link);
    link.send(plain_answer({{"Cache-Control", "max-age=60"}}, "v1"));
    answer(c->read_response()).expect_body("v1").expect_cache("fwd=uri-miss; stored");
    s.expect_metric(1, "uncacheable_total", {{"reason", "surplus"}});
}

// ---- trailers ----

TEST_F(Framing, TrailersEndHereAndDecideNothing)
{
    start();
    byte_stream link = ask("GET /a HTTP/1.1\r\nHost: shop.test\r\nTE: trailers\r\nConnection: TE\r\n\r\n");
    link.send("HTTP/1.1 200 OK\r\nCache-Control: max-age=60\r\nTrailer: Cache-Control, X-Sum\r\nTransfer-Encoding: chunked\r\n\r\n"
              "2\r\nv1\r\n0\r\nCache-Control: no-store\r\nX-Sum: 1\r\nSet-Cookie: a=b\r\nContent-Length: 9\r\n\r\n");
    const answer first(c->read_response());
    const answer hit = s.get("/a");
    hit.expect_cache("hit; detail=l1");
    for (const answer* a : {&first, &hit}) {
        EXPECT_EQ(a->body, "v1");
        EXPECT_TRUE(a->trailers.empty());
        for (const char* name : {"X-Sum", "Set-Cookie", "Trailer"}) {
            EXPECT_FALSE(a->has(name)) << name;
        }
        EXPECT_EQ(a->header("Cache-Control"), "max-age=60");
    }
}

TEST_F(Framing, TooManyTrailersBreakTheAnswer)
{
    start();
    byte_stream link = ask();
    link.send("HTTP/1.1 200 OK\r\nCache-Control: max-age=60\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nv1\r\n");
    read_through(*c, "v1\r\n");
    link.send("0\r\nX-Long: " + std::string(9'000, 'x') + "\r\n\r\n");
    EXPECT_EQ(c->read_to_end(), "");
}

// ---- old clients (RFC 9112 §9.3; no chunks, no interim answers) ----

TEST_F(Framing, TellsAnOldClientThatTheConnectionEndsTheContent)
{
    for (const std::string cached : {"max-age=60", "no-store"}) {
        SCOPED_TRACE(cached);
        scenario t;
        t.set("origins.shop.endpoints", "[ '" + by_hand.url() + "' ]").start();
        c.emplace(t.client());
        byte_stream link = ask("GET /a HTTP/1.0\r\nHost: shop.test\r\nConnection: keep-alive\r\n\r\n");
        link.send("HTTP/1.1 200 OK\r\nCache-Control: " + cached + "\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nv1\r\n");
        const std::string head = read_through(*c, "\r\n\r\nv1");
        EXPECT_NE(head.find("\r\nConnection: close\r\n"), std::string::npos) << head;
        EXPECT_EQ(head.find("keep-alive"), std::string::npos) << head;
        link.send("0\r\n\r\n");
        EXPECT_TRUE(c->is_closed_by_peer());
    }
}

TEST_F(Framing, ForwardsWhatAnOldClientAsksAsHttp11)
{
    start();
    c->send("GET /a HTTP/1.0\r\nHost: shop.test\r\n\r\n");
    byte_stream link = by_hand.accept();
    const http_request got = by_hand.read(link);
    EXPECT_EQ(got.minor_version, 1);
    EXPECT_EQ(got.header("Via"), "1.0 tiercel");
    EXPECT_FALSE(got.has("Connection"));
    link.send(plain_answer({}, "v1"));
    EXPECT_TRUE(c->read_to_end().ends_with("v1"));
}

TEST_F(Framing, AnOldClientThatNamesNoHostMeansWhereItHasConnectedTo)
{
    start();
    c->send("GET /a HTTP/1.0\r\n\r\n");
    byte_stream link = by_hand.accept();
    EXPECT_EQ(by_hand.read(link).headers("Host"), std::vector<std::string>({c->host()}));
    link.send(plain_answer({{"Cache-Control", "max-age=60"}}, "v1"));
    EXPECT_TRUE(c->read_to_end().ends_with("v1"));
    s.get("/a", {{"Host", c->host()}}).expect_cache("hit; detail=l1");
    EXPECT_TRUE(s.client().exchange("GET /a HTTP/1.1\r\n\r\n").starts_with("HTTP/1.1 400 "));   // a newer one must name it
}

TEST_F(Framing, AnAnswerOfHttp10IsNotFramedByChunks)
{
    start();
    byte_stream link = ask();
    link.send("HTTP/1.0 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nv1\r\n0\r\n\r\n");
    answer(c->read_response()).expect_problem(502, "origin_invalid");
}

}  // namespace
}  // namespace tiercel::test
