#include "scenario.hpp"

#include <thread>

namespace tiercel::test {
namespace {

std::string numbered(std::size_t size)
{
    std::string out(size, ' ');
    for (std::size_t i = 0; i < size; ++i) {
        out[i] = static_cast<char>('a' + i % 26);
    }
    return out;
}

class Upload : public ::testing::Test {
protected:
    // The proxy in front of an origin that the test plays.
    void start(std::string_view limit = "64MiB")
    {
        s.set("origins.shop.endpoints", "[ '" + by_hand.url() + "' ]").set("server.limits.body", limit);
        s.start();
        c.emplace(s.client());
    }

    // A client has asked whether it may send, and the origin has read that.
    byte_stream begin_waiting()
    {
        c->send(waiting);
        byte_stream link = by_hand.accept();
        EXPECT_EQ(read_request_head(link, after(default_timeout)).header("Expect"), "100-continue");
        return link;
    }

    static constexpr std::string_view waiting =
        "POST /a HTTP/1.1\r\nHost: shop.test\r\nContent-Length: 4\r\nExpect: 100-continue\r\n\r\n";
    scenario s;
    manual_origin by_hand;
    std::optional<raw_client> c;
};

// ---- methods ----

TEST(Pass, UnsafeMethodsReachTheOriginWithTheirContent)
{
    for (const std::string method : {"POST", "PUT", "PATCH", "DELETE", "PROPFIND"}) {
        SCOPED_TRACE(method);
        scenario s;
        auto& page = s.origin().page("/a?b=1").status(201).cache_control("max-age=60").body("done");
        s.start();
        for (int i = 1; i <= 2; ++i) {
            s.request(method, "/a?b=1", {{"Content-Type", "text/plain"}}, "content").expect_status(201).expect_body("done")
                .expect_cache("fwd=method; detail=method");
            ASSERT_EQ(page.requests(), i);
        }
        const http_request got = page.received()[0];
        EXPECT_EQ(got.method, method);
        EXPECT_EQ(got.body, "content");
        EXPECT_EQ(got.header("Content-Type"), "text/plain");
        EXPECT_EQ(got.header("Host"), "shop.test");
    }
}

TEST(Pass, OptionsWithoutContentIsPassedOn)
{
    scenario s;
    s.origin().page("/a").header("Allow", "GET, OPTIONS");
    s.start();
    s.request("OPTIONS", "/a").expect_status(200).expect_header("Allow", "GET, OPTIONS").expect_cache("fwd=method; detail=method");
}

TEST(Pass, TunnelsAndTracesAreRefused)
{
    scenario s;
    s.start();
    s.request("TRACE", "/a").expect_problem(405, "method_not_allowed");
    EXPECT_TRUE(s.client().exchange("CONNECT shop.test:80 HTTP/1.1\r\nHost: shop.test\r\n\r\n").starts_with("HTTP/1.1 501 "));
    EXPECT_EQ(s.origin().requests(), 0);
}

TEST(Pass, AGetWithContentIsPassedOnAndNotStored)
{
    scenario s;
    auto& page = s.origin().page("/a").cache_control("max-age=60").body("v1");
    s.start();
    s.request("GET", "/a", {}, "question").expect_body("v1").expect_cache("fwd=bypass; detail=request-body");
    s.get("/a").expect_body("v1").expect_cache("fwd=uri-miss; stored");
    EXPECT_EQ(page.received()[0].body, "question");
}

TEST(Pass, PreconditionsAreTheOriginsToEvaluate)
{
    scenario s;
    auto& page = s.origin().page("/a").cache_control("max-age=60").etag("\"one\"").body("v1");
    s.start();
    s.get("/a");
    s.get("/a", {{"If-Match", "\"two\""}}).expect_cache("fwd=request; detail=pass");
    ASSERT_EQ(page.requests(), 2);
    EXPECT_EQ(page.received()[1].header("If-Match"), "\"two\"");
}

TEST(Pass, FieldsOfTheHopAreRemovedAndOursAdded)
{
    scenario s;
    auto& page = s.origin().page("/a");
    s.start();
    s.get("/a", {{"Connection", "X-Hop, keep-alive"}, {"X-Hop", "1"}, {"Keep-Alive", "1"}, {"TE", "trailers"}, {"Proxy-Connection", "x"},
                 {"X-End", "2"}, {"X-Forwarded-For", "10.9.8.7"}, {"Via", "1.0 other"}});
    ASSERT_EQ(page.requests(), 1);
    const http_request got = page.received()[0];
    for (const std::string_view gone : {"X-Hop", "Keep-Alive", "TE", "Proxy-Connection"}) {
        EXPECT_FALSE(got.has(gone)) << gone;
    }
    EXPECT_EQ(got.header("X-End"), "2");
    EXPECT_EQ(got.header("X-Forwarded-For"), "127.0.0.1");   // what an untrusted client says is not believed
    EXPECT_EQ(got.headers("Via"), std::vector<std::string>({"1.0 other", "1.1 tiercel"}));
}

// ---- content both ways ----

TEST_F(Upload, ContentStreamsToTheOriginWhileItArrives)
{
    start();
    c->send("POST /a HTTP/1.1\r\nHost: shop.test\r\nContent-Length: 8\r\n\r\none-");
    byte_stream link = by_hand.accept();
    const http_request head = read_request_head(link, after(default_timeout));
    EXPECT_EQ(head.header("Content-Length"), "8");
    EXPECT_EQ(link.read_exactly(4), "one-");
    c->send("end.");
    EXPECT_EQ(link.read_exactly(4), "end.");
    link.send("HTTP/1.1 200 OK\r\nContent-Length: 8\r\n\r\none-");
    read_through(*c, "\r\n\r\none-");
    link.send("end.");
    EXPECT_EQ(c->read_exactly(4), "end.");
}

TEST_F(Upload, ChunksStreamToTheOriginAsChunks)
{
    start();
    c->send("POST /a HTTP/1.1\r\nHost: shop.test\r\nTransfer-Encoding: chunked\r\n\r\n4;x=y\r\none-\r\n");
    byte_stream link = by_hand.accept();
    http_request got = read_request_head(link, after(default_timeout));
    EXPECT_EQ(got.headers("Transfer-Encoding"), std::vector<std::string>({"chunked"}));
    EXPECT_FALSE(got.has("Content-Length"));
    EXPECT_EQ(link.read_exactly(9), "4\r\none-\r\n");
    c->send("4\r\nend.\r\n0\r\nTrailer: dropped\r\n\r\n");
    EXPECT_EQ(link.read_exactly(14), "4\r\nend.\r\n0\r\n\r\n");
    link.send(plain_answer({}, "thanks"));
    EXPECT_EQ(c->read_response().body, "thanks");
}

TEST_F(Upload, TheAnswerMayComeBeforeTheContentHasEnded)
{
    start();
    c->send("POST /a HTTP/1.1\r\nHost: shop.test\r\nContent-Length: 1000\r\n\r\nsome");
    byte_stream link = by_hand.accept();
    read_request_head(link, after(default_timeout));
    link.send("HTTP/1.1 403 No\r\nContent-Length: 2\r\nConnection: close\r\n\r\nno");
    const http_response r = c->read_response();
    EXPECT_EQ(r.status, 403);
    EXPECT_EQ(r.body, "no");
}

// ---- an answer before the end (RFC 9112 §9.5) ----

// Its content ends with the connection, and the connection is reset while the upload goes on and the client takes nothing.
TEST_F(Upload, AnEarlyAnswerWhoseConnectionIsResetIsNotWhole)
{
    start();
    c->send("POST /a HTTP/1.1\r\nHost: shop.test\r\nTransfer-Encoding: chunked\r\n\r\n4\r\nsome\r\n");
    byte_stream link = by_hand.accept();
    read_request_head(link, after(default_timeout));
    link.send("HTTP/1.1 200 OK\r\n\r\n");
    const std::string piece(1 << 20, 'x');
    std::size_t sent = 0;
    try {
        for (;; sent += piece.size()) {
            link.send(piece, after(300ms));
        }
    } catch (const timed_out&) {   // all buffers are full: nobody reads on the other side
    }
    link.reset();
    c->send("4\r\nmore\r\n");
    std::string got;
    try {
        for (std::string more; !(more = c->read_some()).empty();) {
            got += more;
        }
    } catch (const peer_closed&) {
    }
    EXPECT_GT(got.size(), sent / 4);
    EXPECT_FALSE(got.ends_with("0\r\n\r\n")) << "as if it were whole";
    s.expect_metric(1, "origin_invalid_total", {{"reason", "truncated"}});
}

// Whatever form the answer has, however much of the content is through, and whether the origin still reads: the client gets it
// at once, although it has stopped sending.
TEST_F(Upload, AnErrorThatComesEarlyReachesAClientThatHasStalled)
{
    s.set("server.limits.body", "64MiB");
    start();
    const std::string to_the_end = "HTTP/1.1 413 Too Much\r\n\r\ntoo much";
    const std::string refusals[] = {plain_answer({}, "too much", 413), plain_answer({{"Connection", "close"}}, "too much", 413), to_the_end,
                                    "HTTP/1.1 413 Too Much\r\nTransfer-Encoding: chunked\r\n\r\n8\r\ntoo much\r\n0\r\n\r\n"};
    const std::string framings[] = {"Content-Length: 20000000\r\n\r\nsome", "Transfer-Encoding: chunked\r\n\r\n5\r\nsome"};
    for (const std::string& refusal : refusals) {
        for (const std::string& content : framings) {
            for (const bool reads : {true, false}) {
                if (!reads && refusal == to_the_end) { continue; }   // a reset is no end of such content
                SCOPED_TRACE(refusal + content + (reads ? "" : " unread"));
                c.emplace(s.client());
                c->send("POST /a HTTP/1.1\r\nHost: shop.test\r\n" + content);
                byte_stream link = by_hand.accept();
                read_request_head(link, after(default_timeout));
                if (reads) { EXPECT_TRUE(link.read_until("some", 100).ends_with("some")); }
                link.send(refusal);
                link.close();   // what it has not read makes this a reset
                answer(c->read_response()).expect_status(413).expect_body("too much").expect_header("Connection", "close");
            }
        }
    }
}

TEST_F(Upload, AnErrorThatComesEarlyInPiecesReachesAClientThatHasStalled)
{
    s.set("server.timeouts.body_idle", "100ms");   // it counts no more once there is an answer
    start();
    c->send("POST /a HTTP/1.1\r\nHost: shop.test\r\nContent-Length: 1000\r\n\r\nsome");
    byte_stream link = by_hand.accept();
    read_request_head(link, after(default_timeout));
    link.send("HTTP/1.1 413 Too Much\r\nContent-Length: 8\r\n\r\ntoo ");
    EXPECT_TRUE(read_through(*c, "too ").starts_with("HTTP/1.1 413 "));
    EXPECT_TRUE(c->is_silent_for(200ms));
    link.send("much");
    EXPECT_EQ(read_through(*c, "much"), "much");
    link.read_to_end();
}

// The origin's buffers are full, and so are ours: the client cannot go on sending, and must not have to.
TEST_F(Upload, AnErrorThatComesEarlyReachesAClientWhoseContentNobodyTakes)
{
    s.set("server.limits.body", "64MiB");
    start();
    std::thread sender([&] { c->try_send("POST /a HTTP/1.1\r\nHost: shop.test\r\nContent-Length: 40000000\r\n\r\n" + std::string(40'000'000, 'x')); });
    byte_stream link = by_hand.accept();
    read_request_head(link, after(default_timeout));
    link.send(plain_answer({{"Connection", "close"}}, "too much", 413));
    answer(c->read_response()).expect_status(413).expect_body("too much");
    link.reset();
    sender.join();
}

TEST_F(Upload, ASuccessThatComesEarlyAndWholeReachesAClientThatHasStalled)
{
    start();
    for (const std::string& early : {plain_answer({}, "seen enough"), std::string("HTTP/1.1 200 OK\r\n\r\nseen enough")}) {
        SCOPED_TRACE(early);
        c.emplace(s.client());
        c->send("POST /a HTTP/1.1\r\nHost: shop.test\r\nContent-Length: 1000\r\n\r\nsome");
        byte_stream link = by_hand.accept();
        read_request_head(link, after(default_timeout));
        link.read_exactly(4);
        link.send(early);
        link.close();
        answer(c->read_response()).expect_status(200).expect_body("seen enough").expect_header("Connection", "close");
    }
}

TEST_F(Upload, LargeContentPassesBothWays)
{
    start();
    const std::string content = numbered(20'000'000);
    std::thread client([&] {
        c->send(request_text("PUT", "/a", {{"Host", "shop.test"}}, content));
    });
    byte_stream link = by_hand.accept();
    const http_request got = by_hand.read(link);
    client.join();
    EXPECT_TRUE(got.body == content);
    std::thread origin([&] { link.send(plain_answer({}, content)); });
    const http_response r = c->read_response();
    origin.join();
    EXPECT_EQ(r.status, 200);
    EXPECT_TRUE(r.body == content);
}

TEST_F(Upload, AConnectionServesAnotherRequestAfterwards)
{
    start();
    byte_stream link;
    for (int i = 0; i < 3; ++i) {
        c->send(request_text("POST", "/a", {{"Host", "shop.test"}}, "content"));
        if (i == 0) { link = by_hand.accept(); }
        EXPECT_EQ(by_hand.read(link).body, "content");
        link.send(plain_answer({}, "thanks"));
        EXPECT_EQ(c->read_response().body, "thanks");
    }
}

TEST_F(Upload, MayTakeLongerThanAHeadOrTheWaitForOne)
{
    s.configure("server: { timeouts: { header: 20ms, keep_alive: 20ms } }");
    start();
    c->send("POST /a HTTP/1.1\r\nHost: shop.test\r\nContent-Length: 4\r\n\r\nbo");
    byte_stream link = by_hand.accept();
    read_request_head(link, after(default_timeout));
    EXPECT_EQ(link.read_exactly(2), "bo");
    EXPECT_TRUE(c->is_silent_for(80ms));
    c->send("dy");
    EXPECT_EQ(link.read_exactly(2), "dy");
    link.send(plain_answer({}, "thanks"));
    EXPECT_EQ(c->read_response().body, "thanks");
}

TEST_F(Upload, AClientThatLeavesInTheMiddleBreaksTheUpload)
{
    start();
    c->send("POST /a HTTP/1.1\r\nHost: shop.test\r\nContent-Length: 1000\r\n\r\nsome");
    byte_stream link = by_hand.accept();
    read_request_head(link, after(default_timeout));
    EXPECT_EQ(link.read_exactly(4), "some");
    c->reset();
    EXPECT_EQ(link.read_to_end(), "");   // the origin must not take it for the whole
}

// ---- 100-continue ----

TEST_F(Upload, AClientThatWaitsIsToldToGoOn)
{
    start();
    byte_stream link = begin_waiting();
    EXPECT_TRUE(c->is_silent_for(30ms));   // it is not ours to say
    link.send("HTTP/1.1 100 Continue\r\nX-Hint: go\r\n\r\n");
    EXPECT_EQ(read_through(*c, "\r\n\r\n"), "HTTP/1.1 100 Continue\r\nX-Hint: go\r\n\r\n");
    c->send("body");
    EXPECT_EQ(link.read_exactly(4), "body");
    link.send(plain_answer({}, "thanks"));
    const http_response r = c->read_response();
    EXPECT_EQ(r.body, "thanks");
    EXPECT_FALSE(r.has("Connection"));     // nothing is left over
}

TEST_F(Upload, AClientThatWaitsMayGetItsAnswerInstead)
{
    start();
    byte_stream link = begin_waiting();
    link.send(plain_answer({}, "no", 403));
    answer(c->read_response()).expect_status(403).expect_body("no").expect_header("Connection", "close");
    EXPECT_TRUE(c->is_closed_by_peer());
    EXPECT_EQ(link.read_to_end(), "");      // and nobody uses that connection again
}

TEST_F(Upload, AClientThatIsTiredOfWaitingJustSends)
{
    start();
    byte_stream link = begin_waiting();
    c->send("body");
    EXPECT_EQ(link.read_exactly(4), "body");
    link.send("HTTP/1.1 100 Continue\r\n\r\n" + plain_answer({}, "thanks"));
    const http_response r = c->read_response();
    EXPECT_TRUE(r.interim.empty());         // nobody waits for that any more
    EXPECT_EQ(r.body, "thanks");
}

TEST_F(Upload, WaitingForTheOriginsWordIsNoStall)
{
    s.set("server.timeouts.body_idle", "50ms");
    start();
    byte_stream link = begin_waiting();
    EXPECT_TRUE(c->is_silent_for(150ms));
    link.send("HTTP/1.1 100 Continue\r\n\r\n");
    read_through(*c, "\r\n\r\n");
    answer(c->read_response()).expect_problem(408, "body_timeout");   // but now it is the client's turn
}

TEST_F(Upload, TheTimeThatAClientTakesIsNotTakenFromTheOrigin)
{
    s.set("routes.0.deadline", "200ms").set("origins.shop.try_timeout", "200ms");
    start();
    c->send("POST /a HTTP/1.1\r\nHost: shop.test\r\nContent-Length: 3\r\n\r\n");
    byte_stream link = by_hand.accept();
    EXPECT_EQ(read_request_head(link, after(default_timeout)).header("Content-Length"), "3");
    for (const std::string part : {"a", "b", "c"}) {
        EXPECT_TRUE(c->is_silent_for(300ms));   // longer than the deadline
        c->send(part);
        EXPECT_EQ(link.read_exactly(1), part);
    }
    link.send(plain_answer({}, "thanks"));
    EXPECT_EQ(c->read_response().body, "thanks");
}

TEST_F(Upload, AfterItTheOriginHasTheDeadlineToAnswer)
{
    s.set("routes.0.deadline", "200ms");
    start();
    c->send("POST /a HTTP/1.1\r\nHost: shop.test\r\nContent-Length: 1\r\n\r\n");
    byte_stream link = by_hand.accept();
    EXPECT_EQ(read_request_head(link, after(default_timeout)).header("Content-Length"), "1");
    EXPECT_TRUE(c->is_silent_for(300ms));
    c->send("a");
    answer(c->read_response()).expect_problem(504, "origin_timeout");
}

TEST_F(Upload, AnOriginThatNeverSaysAWordEndsTheWaitingByTheDeadline)
{
    s.set("routes.0.deadline", "100ms");
    start();
    byte_stream link = begin_waiting();
    answer(c->read_response()).expect_problem(504, "origin_timeout").expect_header("Connection", "close");
    EXPECT_TRUE(c->is_closed_by_peer());
}

TEST_F(Upload, AWordThatNobodyWaitsForIsDropped)
{
    start();
    c->send(request_text("POST", "/a", {{"Host", "shop.test"}}, "body"));
    byte_stream link = by_hand.accept();
    EXPECT_FALSE(by_hand.read(link).has("Expect"));
    link.send("HTTP/1.1 100 Continue\r\n\r\n" + plain_answer({}, "thanks"));
    const http_response r = c->read_response();
    EXPECT_TRUE(r.interim.empty());
    EXPECT_EQ(r.body, "thanks");
}

TEST_F(Upload, BeforeAnOldOriginTheWordIsOurs)
{
    s.set("server.threads", "1");
    start();
    c->send(request_text("POST", "/a", {{"Host", "shop.test"}}, "body"));
    byte_stream link = by_hand.accept();
    by_hand.read(link);
    link.send("HTTP/1.0 200 OK\r\nContent-Length: 2\r\n\r\nok");
    EXPECT_EQ(c->read_response().body, "ok");

    c->send(waiting);
    EXPECT_EQ(c->read_exactly(25), "HTTP/1.1 100 Continue\r\n\r\n");
    c->send("body");
    link = by_hand.accept();
    const http_request got = by_hand.read(link);
    EXPECT_EQ(got.body, "body");
    EXPECT_FALSE(got.has("Expect"));
    link.send(plain_answer({}, "thanks"));   // it has learnt
    EXPECT_EQ(c->read_response().body, "thanks");

    c->send(waiting);
    EXPECT_EQ(read_request_head(link, after(default_timeout)).header("Expect"), "100-continue");
    link.send("HTTP/1.1 100 Continue\r\n\r\n");
    EXPECT_EQ(c->read_exactly(25), "HTTP/1.1 100 Continue\r\n\r\n");
}

TEST_F(Upload, AnOldClientCannotWait)
{
    start();
    c->send("POST /a HTTP/1.0\r\nHost: shop.test\r\nContent-Length: 4\r\nExpect: 100-continue\r\n\r\nbody");
    byte_stream link = by_hand.accept();
    const http_request got = by_hand.read(link);
    EXPECT_EQ(got.body, "body");
    EXPECT_FALSE(got.has("Expect"));
    link.send("HTTP/1.1 100 Continue\r\n\r\n" + plain_answer({}, "thanks"));
    EXPECT_EQ(c->read_response().body, "thanks");
}

TEST_F(Upload, ARefusedExpectationIsPassedOn)
{
    start();
    byte_stream link = begin_waiting();
    link.send(plain_answer({}, "", 417));
    answer(c->read_response()).expect_status(417).expect_no_header("Content-Type");
}

TEST(Pass, AnExpectationWithoutContentDoesNotDisturbTheCache)
{
    scenario s;
    auto& page = s.origin().page("/a").cache_control("max-age=60").body("v1");
    s.start();
    for (int i = 0; i < 2; ++i) {
        const answer a = s.get("/a", {{"Expect", "100-continue"}});
        a.expect_body("v1");
        EXPECT_TRUE(a.interim.empty());
    }
    EXPECT_EQ(page.requests(), 1);
    EXPECT_FALSE(page.received()[0].has("Expect"));
}

TEST_F(Upload, AClientThatWaitsIsRefusedAtOnceWhenItIsTooMuch)
{
    start("1KiB");
    c->send("POST /a HTTP/1.1\r\nHost: shop.test\r\nContent-Length: 2000\r\nExpect: 100-continue\r\n\r\n");
    answer(c->read_response()).expect_problem(413, "body_too_large").expect_header("Connection", "close");
    EXPECT_TRUE(c->is_closed_by_peer());
}

TEST_F(Upload, AnExpectationThatNobodyKnowsIsRefused)
{
    start();
    c->send("POST /a HTTP/1.1\r\nHost: shop.test\r\nContent-Length: 4\r\nExpect: miracles\r\n\r\nbody");
    answer(c->read_response()).expect_problem(417, "expectation_failed");
}

// ---- too much ----

TEST_F(Upload, TooMuchIsRefusedBeforeItIsRead)
{
    start("1KiB");
    c->send("POST /a HTTP/1.1\r\nHost: shop.test\r\nContent-Length: 1025\r\n\r\n");
    answer(c->read_response()).expect_problem(413, "body_too_large");
    EXPECT_TRUE(c->is_closed_by_peer());
    s.expect_metric(1, "rejected_total", {{"reason", "body_too_large"}});
}

TEST_F(Upload, ChunksThatBecomeTooMuchAreRefused)
{
    start("1KiB");
    c->send("POST /a HTTP/1.1\r\nHost: shop.test\r\nTransfer-Encoding: chunked\r\n\r\n");
    std::thread client([&] { c->try_send("400\r\n" + std::string(1024, 'x') + "\r\n1\r\nx\r\n0\r\n\r\n"); });
    byte_stream link = by_hand.accept();
    EXPECT_FALSE(link.read_to_end().ends_with("0\r\n\r\n"));
    client.join();
    answer(c->read_response()).expect_problem(413, "body_too_large");
}

TEST_F(Upload, AChunkThatAnnouncesTooMuchIsRefusedAtOnce)
{
    start("1KiB");
    const std::string head = "POST /a HTTP/1.1\r\nHost: shop.test\r\nTransfer-Encoding: chunked\r\n\r\n";
    const std::string nearly_all = "3ff\r\n" + std::string(1023, 'x') + "\r\n";
    for (const std::string& chunks : std::vector<std::string>{"401\r\n", "401\r\nx", nearly_all + "2;name=value\r\n", "ffffffffffffffff\r\n"}) {
        SCOPED_TRACE(chunks.size());
        c.emplace(s.client());
        c->send(head + chunks);                                          // and nothing more
        byte_stream link = by_hand.accept();
        EXPECT_FALSE(link.read_to_end().ends_with("0\r\n\r\n"));
        answer(c->read_response()).expect_problem(413, "body_too_large").expect_header("Connection", "close");
        EXPECT_TRUE(c->is_closed_by_peer());
    }
}

TEST_F(Upload, ChunksThatAreMalformedAreRefused)
{
    start();
    c->send("POST /a HTTP/1.1\r\nHost: shop.test\r\nTransfer-Encoding: chunked\r\n\r\n4\r\nbody\r\nnonsense\r\n");
    byte_stream link = by_hand.accept();
    EXPECT_FALSE(link.read_to_end().ends_with("0\r\n\r\n"));
    answer(c->read_response()).expect_problem(400, "bad_request");
    EXPECT_TRUE(c->is_closed_by_peer());
}

TEST_F(Upload, ContentThatStallsIsGivenUp)
{
    s.set("server.timeouts.body_idle", "50ms");
    start();
    c->send("POST /a HTTP/1.1\r\nHost: shop.test\r\nContent-Length: 8\r\n\r\nsome");
    byte_stream link = by_hand.accept();
    link.read_to_end();
    answer(c->read_response()).expect_problem(408, "body_timeout");
    EXPECT_TRUE(c->is_closed_by_peer());
}

TEST(Pass, OptionsThatMayGoNoFurtherAreAnsweredHereWhateverTheyCarry)
{
    scenario s;
    s.origin().page("/a");
    s.start();
    s.request("OPTIONS", "/a", {{"Max-Forwards", "0"}}, "content").expect_status(204).expect_header("Connection", "close");
    s.request("OPTIONS", "/a", {{"Max-Forwards", "0"}}).expect_status(204);
    EXPECT_EQ(s.origin().requests(), 0);
}

TEST(Pass, ARequestThatMustAskAgainDoesNotHoldTheConnectionThatItNeeds)
{
    scenario s;
    auto& page = s.origin().page("/a");
    page.answer([&](const http_request& r) {
        return r.has("If-None-Match") ? std::string("HTTP/1.1 304 Not Modified\r\nETag: \"of something else\"\r\n\r\n")
                                      : plain_answer({{"Cache-Control", "no-cache"}, {"ETag", "\"one\""}}, "whole");
    });
    s.set("server.threads", "1").set("origins.shop.pool.max", "1").set("routes.0.stampede.coalesce", "false").set("routes.0.deadline", "2s");
    s.start();
    s.get("/a").expect_body("whole");
    s.get("/a").expect_status(200).expect_body("whole");
    EXPECT_EQ(page.requests(), 3);
}

}  // namespace
}  // namespace tiercel::test
