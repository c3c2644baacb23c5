#include "scenario.hpp"

#include <algorithm>

namespace tiercel::test {
namespace {

constexpr std::string_view get_a = "GET /a HTTP/1.1\r\nHost: shop.test\r\n\r\n";

// Reads from the client until what came ends with `end`.
std::string read_through(raw_client& c, std::string_view end)
{
    std::string got;
    while (!got.ends_with(end)) {
        const std::string more = c.read_some();
        if (more.empty()) {
            throw peer_closed("closed after: " + got.substr(0, 300), false);
        }
        got += more;
    }
    return got;
}

// ---- one fetch for all ----

TEST(SingleFlight, ManyRequestsCauseOneFetch)
{
    scenario s;
    auto& page = s.origin().page("/a").cache_control("max-age=60").body("v1").hold();
    s.start();
    auto all = s.begin_gets(40, "/a");
    s.wait_for_waiters(39);
    page.release();
    int collapsed = 0;
    for (auto& one : all) {
        const answer a = one.get().expect_status(200).expect_body("v1");
        const cache_status c = cache_status_of(a);
        EXPECT_EQ(c.fwd, "uri-miss");
        EXPECT_TRUE(c.stored);
        collapsed += c.collapsed ? 1 : 0;
    }
    EXPECT_EQ(collapsed, 39);
    EXPECT_EQ(page.requests(), 1);
}

TEST(SingleFlight, AnExpiredAnswerIsValidatedOnceForAll)
{
    scenario s;
    auto& page = s.origin().page("/a").cache_control("max-age=10").etag("\"one\"").body("v1");
    s.start();
    s.get("/a");
    s.advance(10s);
    page.hold();
    auto all = s.begin_gets(10, "/a");
    s.wait_for_waiters(9);
    page.release();
    for (auto& one : all) {
        one.get().expect_status(200).expect_body("v1");
    }
    ASSERT_EQ(page.requests(), 2);
    EXPECT_TRUE(page.received()[1].has("If-None-Match"));
}

TEST(SingleFlight, EachWaiterHasItsOwnCondition)
{
    scenario s;
    auto& page = s.origin().page("/a").cache_control("max-age=60").etag("\"one\"").body("v1").hold();
    s.start();
    auto whole = s.begin_get("/a");
    ASSERT_TRUE(page.wait_for_requests(1));
    auto same = s.begin_get("/a", {{"If-None-Match", "\"one\""}});
    auto other = s.begin_get("/a", {{"If-None-Match", "\"two\""}});
    s.wait_for_waiters(2);
    page.release();
    whole.get().expect_status(200).expect_body("v1");
    same.get().expect_status(304).expect_body("");
    other.get().expect_status(200).expect_body("v1");
    EXPECT_EQ(page.requests(), 1);
}

TEST(SingleFlight, DifferentKeysDoNotWaitForEachOther)
{
    scenario s;
    auto& slow = s.origin().page("/slow").cache_control("max-age=60").body("slow").hold();
    s.origin().page("/fast").cache_control("max-age=60").body("fast");
    s.start();
    auto waiting = s.begin_get("/slow");
    ASSERT_TRUE(slow.wait_for_requests(1));
    s.get("/fast").expect_body("fast");
    slow.release();
    waiting.get().expect_body("slow");
}

TEST(SingleFlight, SwitchedOffEachRequestFetchesForItself)
{
    scenario s;
    s.set("routes.0.stampede.coalesce", "false");
    auto& page = s.origin().page("/a").cache_control("max-age=60").body("v1").hold();
    s.start();
    auto all = s.begin_gets(5, "/a");
    ASSERT_TRUE(page.wait_for_requests(5));
    page.release();
    for (auto& one : all) {
        one.get().expect_body("v1");
    }
    EXPECT_EQ(page.requests(), 5);
    s.wait_until_quiet();
    EXPECT_TRUE(eventually([&] { return cache_status_of(s.get("/a")).hit; }));
}

// ---- what may not be shared ----

TEST(SingleFlight, WhatMayNotBeSharedIsFetchedByEachAtOnce)
{
    scenario s;
    auto& page = s.origin().page("/a").cache_control("private").body("mine").hold();
    s.start();
    auto first = s.begin_get("/a");
    ASSERT_TRUE(page.wait_for_requests(1));
    auto others = s.begin_gets(7, "/a");
    s.wait_for_waiters(7);
    page.release();
    first.get().expect_body("mine").expect_cache("fwd=uri-miss; detail=private");
    for (auto& one : others) {
        one.get().expect_status(200).expect_body("mine");
    }
    EXPECT_EQ(page.requests(), 8);
}

TEST(SingleFlight, AfterwardsNobodyWaitsForThatKey)
{
    scenario s;
    auto& page = s.origin().page("/a").cache_control("no-store").body("v1");
    s.start();
    s.get("/a").expect_cache("fwd=uri-miss; detail=no-store");
    page.hold();
    auto all = s.begin_gets(6, "/a");
    ASSERT_TRUE(page.wait_for_requests(7));   // all at once, although none is answered
    page.release();
    for (auto& one : all) {
        one.get().expect_body("v1").expect_cache("fwd=uri-miss; detail=mark");
    }
    EXPECT_EQ(s.metric("coalesced_total"), 0);
}

TEST(SingleFlight, TheMarkEndsWithTheFirstAnswerThatIsStored)
{
    scenario s;
    auto& page = s.origin().page("/a").cache_control("no-store").body("v1");
    s.start();
    s.get("/a");
    page.cache_control("max-age=60").body("v2");
    s.get("/a").expect_body("v2");
    EXPECT_TRUE(eventually([&] { return cache_status_of(s.get("/a")).hit; }));
}

TEST(SingleFlight, TheMarkEndsWithTime)
{
    scenario s;
    s.set("routes.0.stampede.mark_ttl", "100s");
    s.origin().page("/a").cache_control("no-store").body("v1");
    s.start();
    s.get("/a");
    s.get("/a").expect_cache("fwd=uri-miss; detail=mark");
    s.advance(101s);
    s.get("/a").expect_cache("fwd=uri-miss; detail=no-store");
}

// ---- clients that leave ----

TEST(SingleFlight, TheClientThatCausedTheFetchMayLeave)
{
    scenario s;
    auto& page = s.origin().page("/a").cache_control("max-age=60").body("v1").hold();
    s.start();
    raw_client first = s.client();
    first.send(get_a);
    ASSERT_TRUE(page.wait_for_requests(1));
    auto others = s.begin_gets(5, "/a");
    s.wait_for_waiters(5);
    first.reset();
    page.release();
    for (auto& one : others) {
        one.get().expect_status(200).expect_body("v1");
    }
    EXPECT_EQ(page.requests(), 1);
}

TEST(SingleFlight, AFetchThatNobodyWaitsForIsStillStored)
{
    scenario s;
    auto& page = s.origin().page("/a").cache_control("max-age=60").body("v1").hold();
    s.start();
    raw_client only = s.client();
    only.send(get_a);
    ASSERT_TRUE(page.wait_for_requests(1));
    only.reset();
    page.release();
    s.wait_until_quiet();
    s.get("/a").expect_body("v1").expect_cache("hit; detail=l1");
    EXPECT_EQ(page.requests(), 1);
}

// ---- failures ----

TEST(SingleFlight, AFailureIsTheSameForAllAndHappensOnce)
{
    scenario s;
    auto& page = s.origin().page("/a").fault(origin_fault::close_without_answer).hold();
    s.start();
    auto all = s.begin_gets(10, "/a");
    s.wait_for_waiters(9);
    page.release();
    for (auto& one : all) {
        one.get().expect_problem(502, "origin_reset");
    }
    EXPECT_EQ(page.requests(), 1);
}

TEST(SingleFlight, AnErrorOfTheOriginIsTheSameForAllAndHappensOnce)
{
    scenario s;
    auto& page = s.origin().page("/a").status(500).body("sorry").hold();
    s.start();
    auto first = s.begin_get("/a");
    ASSERT_TRUE(page.wait_for_requests(1));
    auto others = s.begin_gets(9, "/a");
    s.wait_for_waiters(9);
    page.release();
    first.get().expect_status(500).expect_body("sorry");
    for (auto& one : others) {
        one.get().expect_status(500);
    }
    EXPECT_EQ(page.requests(), 1);
}

TEST(SingleFlight, AKeyThatGotNoAnswerIsRefusedForAMoment)
{
    scenario s;
    s.set("routes.0.stampede.error_memo", "1s");
    auto& page = s.origin().page("/a").fault(origin_fault::close_without_answer);
    s.start();
    s.get("/a").expect_problem(502, "origin_reset");
    page.fault(origin_fault::none).cache_control("max-age=60").body("v1");
    s.get("/a").expect_problem(502, "origin_reset");
    s.origin().page("/b").body("other");
    s.get("/b").expect_status(200);
    EXPECT_EQ(page.requests(), 1);
    s.advance(1s);
    s.get("/a").expect_status(200).expect_body("v1");
}

// ---- content that is still arriving ----

class Streaming : public ::testing::Test {
protected:
    Streaming()
    {
        s.set("origins.shop.endpoints", "[ '" + by_hand.url() + "' ]");
        s.start();
    }
    // A client that has asked for /a, and the origin's end of the fetch that this caused.
    byte_stream begin_fetch(raw_client& c)
    {
        c.send(get_a);
        byte_stream link = by_hand.accept();
        by_hand.read(link);
        return link;
    }

    scenario s;
    manual_origin by_hand;
    raw_client first = raw_client(1);   // connected by the tests
    raw_client second = raw_client(1);

    void SetUp() override
    {
        first = s.client();
        second = s.client();
    }
};

TEST_F(Streaming, ReachesEverybodyPieceByPiece)
{
    byte_stream link = begin_fetch(first);
    link.send("HTTP/1.1 200 OK\r\nCache-Control: max-age=60\r\nContent-Length: 12\r\n\r\none-");
    read_through(first, "\r\n\r\none-");
    second.send(get_a);                       // joins in the middle
    read_through(second, "\r\n\r\none-");
    link.send("two-");
    EXPECT_EQ(first.read_exactly(4), "two-");
    EXPECT_EQ(second.read_exactly(4), "two-");
    link.send("end.");
    EXPECT_EQ(first.read_exactly(4), "end.");
    EXPECT_EQ(second.read_exactly(4), "end.");
    s.wait_until_quiet();
    s.get("/a").expect_body("one-two-end.").expect_cache("hit; detail=l1");
}

TEST_F(Streaming, OfUnknownLengthComesInChunksAndIsStoredWithItsLength)
{
    byte_stream link = begin_fetch(first);
    link.send("HTTP/1.1 200 OK\r\nCache-Control: max-age=60\r\nTransfer-Encoding: chunked\r\n\r\n4\r\none-\r\n");
    const std::string head = read_through(first, "one-\r\n");
    EXPECT_NE(head.find("Transfer-Encoding: chunked\r\n"), std::string::npos);
    link.send("4\r\nend.\r\n0\r\n\r\n");
    read_through(first, "4\r\nend.\r\n0\r\n\r\n");
    s.wait_until_quiet();
    s.get("/a").expect_body("one-end.").expect_cache("hit; detail=l1").expect_header("Content-Length", "8");
}

TEST_F(Streaming, OfUnknownLengthEndsTheConnectionOfAnOldClient)
{
    first.send("GET /a HTTP/1.0\r\nHost: shop.test\r\nConnection: keep-alive\r\n\r\n");
    byte_stream link = by_hand.accept();
    by_hand.read(link);
    link.send("HTTP/1.1 200 OK\r\nCache-Control: max-age=60\r\nTransfer-Encoding: chunked\r\n\r\n4\r\none-\r\n");
    const std::string head = read_through(first, "one-");
    EXPECT_EQ(head.find("Transfer-Encoding"), std::string::npos);
    link.send("4\r\nend.\r\n0\r\n\r\n");
    EXPECT_EQ(first.read_to_end(), "end.");
}

TEST_F(Streaming, ASlowReaderHoldsUpNobody)
{
    const std::string piece(1'000'000, 'x');
    byte_stream link = begin_fetch(first);
    link.send("HTTP/1.1 200 OK\r\nCache-Control: max-age=60\r\nContent-Length: 20000000\r\n\r\n");
    second.send(get_a);
    read_through(first, "\r\n\r\n");          // and reads no further for now
    read_through(second, "\r\n\r\n");
    for (int i = 0; i < 20; ++i) {
        link.send(piece);
        EXPECT_TRUE(second.read_exactly(piece.size()) == piece);
    }
    s.wait_until_quiet();
    s.get("/a").expect_cache("hit; detail=l1");
    for (int i = 0; i < 20; ++i) {
        EXPECT_TRUE(first.read_exactly(piece.size()) == piece);
    }
}

TEST_F(Streaming, AReaderThatLeavesHoldsUpNobody)
{
    byte_stream link = begin_fetch(first);
    link.send("HTTP/1.1 200 OK\r\nCache-Control: max-age=60\r\nContent-Length: 8\r\n\r\none-");
    second.send(get_a);
    read_through(second, "\r\n\r\none-");
    first.reset();
    link.send("end.");
    EXPECT_EQ(second.read_exactly(4), "end.");
    s.wait_until_quiet();
    s.get("/a").expect_body("one-end.").expect_cache("hit; detail=l1");
}

TEST_F(Streaming, ThatEndsTooEarlyBreaksAllConnectionsAndStoresNothing)
{
    for (const std::string framing : {"Content-Length: 8\r\n\r\n", "Transfer-Encoding: chunked\r\n\r\n4\r\n"}) {
        SCOPED_TRACE(framing);
        first = s.client();
        second = s.client();
        byte_stream link = begin_fetch(first);
        link.send("HTTP/1.1 200 OK\r\nCache-Control: max-age=60\r\n" + framing + "one-");
        const std::string a = read_through(first, framing.starts_with("C") ? "\r\n\r\none-" : "4\r\none-\r\n");
        second.send(get_a);
        const std::string b = read_through(second, framing.starts_with("C") ? "\r\n\r\none-" : "4\r\none-\r\n");
        link.reset();
        EXPECT_EQ(first.read_to_end(), "");    // no last chunk, no more content
        EXPECT_EQ(second.read_to_end(), "");
        s.wait_until_quiet();

        auto again = s.begin_get("/a");
        byte_stream other = by_hand.accept();
        by_hand.read(other);
        other.send(plain_answer({{"Cache-Control", "no-store"}}, "whole"));
        again.get().expect_body("whole").expect_cache("fwd=uri-miss; detail=no-store");
        other.close();
        s.advance(200s);                       // the mark of that answer is gone
    }
}

TEST_F(Streaming, ThatFallsSilentBreaksAllConnections)
{
    scenario t;
    t.set("origins.shop.endpoints", "[ '" + by_hand.url() + "' ]").set("origins.shop.try_timeout", "50ms");
    t.start();
    first = t.client();
    byte_stream link = begin_fetch(first);
    link.send("HTTP/1.1 200 OK\r\nCache-Control: max-age=60\r\nContent-Length: 8\r\n\r\none-");
    EXPECT_TRUE(first.read_to_end().ends_with("\r\n\r\none-"));
}

TEST_F(Streaming, BeyondTheLargestObjectReachesThoseWhoReadItAndIsNotStored)
{
    scenario t;
    t.set("origins.shop.endpoints", "[ '" + by_hand.url() + "' ]").set("cache.l1.max_object", "64KiB");
    t.set("server.threads", "1");   // one pool of connections to the origin
    t.start();
    first = t.client();
    second = t.client();
    const std::string chunk = "8000\r\n" + std::string(0x8000, 'x') + "\r\n";
    byte_stream link = begin_fetch(first);
    link.send("HTTP/1.1 200 OK\r\nCache-Control: max-age=60\r\nTransfer-Encoding: chunked\r\n\r\n4\r\none-\r\n");
    read_through(first, "one-\r\n");
    second.send(get_a);
    read_through(second, "one-\r\n");
    for (int i = 0; i < 4; ++i) {
        link.send(chunk);
    }
    link.send("4\r\nend.\r\n0\r\n\r\n");
    for (raw_client* c : {&first, &second}) {
        const std::string rest = read_through(*c, "0\r\n\r\n");
        EXPECT_TRUE(rest.ends_with("end.\r\n0\r\n\r\n"));
        EXPECT_EQ(static_cast<std::size_t>(std::count(rest.begin(), rest.end(), 'x')), 4 * 0x8000UL);
    }
    t.wait_until_quiet();
    auto again = t.begin_get("/a");
    by_hand.read(link);
    link.send(plain_answer({{"Cache-Control", "max-age=60"}}, "small"));
    again.get().expect_body("small");
}

TEST_F(Streaming, BeyondTheLargestObjectIsReadOnlyAsFastAsItsReadersTakeIt)
{
    scenario t;
    t.set("origins.shop.endpoints", "[ '" + by_hand.url() + "' ]").set("cache.l1.max_object", "64KiB");
    t.start();
    first = t.client();
    const std::string chunk = "8000\r\n" + std::string(0x8000, 'x') + "\r\n";
    byte_stream link = begin_fetch(first);
    link.send("HTTP/1.1 200 OK\r\nCache-Control: max-age=60\r\nTransfer-Encoding: chunked\r\n\r\n");
    std::size_t sent = 0;
    EXPECT_THROW({
        for (; sent < 3'000; ++sent) { link.send(chunk, after(300ms)); }   // 96 MB: more than sockets and windows hold
    }, timed_out);
    EXPECT_LT(sent, 3'000U);
    first.reset();
    link.read_to_end();   // nobody reads any more: the proxy hangs up
}

// ---- limits of waiting ----

TEST(SingleFlight, BeyondTheMostWaitersOnesAreRefused)
{
    scenario s;
    s.set("routes.0.stampede.max_waiters", "3");
    auto& page = s.origin().page("/a").cache_control("max-age=60").body("v1").hold();
    s.start();
    auto all = s.begin_gets(3, "/a");
    ASSERT_TRUE(page.wait_for_requests(1));
    s.wait_for_waiters(2);
    s.get("/a").expect_problem(503, "origin_busy").expect_header("Retry-After", "1");
    page.release();
    for (auto& one : all) {
        one.get().expect_body("v1");
    }
    EXPECT_EQ(page.requests(), 1);
}

TEST(SingleFlight, WhoWaitedTooLongIsServedStaleIfThatIsAllowed)
{
    scenario s;
    s.set("routes.0.stampede.max_wait", "30ms");
    auto& page = s.origin().page("/a").cache_control("max-age=10").body("v1");
    s.start();
    s.get("/a");
    s.advance(10s);
    page.hold().body("v2");
    auto first = s.begin_get("/a");
    ASSERT_TRUE(page.wait_for_requests(2));
    s.get("/a").expect_status(200).expect_body("v1");
    page.release();
    first.get().expect_body("v2");
    EXPECT_EQ(page.requests(), 2);
}

TEST(SingleFlight, WhoWaitedTooLongMayBeRefused)
{
    scenario s;
    s.set("routes.0.stampede.on_timeout", "503").set("routes.0.stampede.max_wait", "30ms");
    auto& page = s.origin().page("/a").cache_control("max-age=10").body("v1").hold();
    s.start();
    auto first = s.begin_get("/a");
    ASSERT_TRUE(page.wait_for_requests(1));
    s.get("/a").expect_problem(503, "origin_busy").expect_header("Retry-After", "1");
    page.release();
    first.get().expect_body("v1");
    EXPECT_EQ(page.requests(), 1);
}

TEST(SingleFlight, WhoWaitedTooLongFetchesForItselfElse)
{
    for (const std::string rule : {"fetch", "stale"}) {
        scenario s;
        s.set("routes.0.stampede.on_timeout", rule).set("routes.0.stampede.max_wait", "30ms");
        auto& page = s.origin().page("/a").cache_control("max-age=10").body("v1").hold();
        s.start();
        auto first = s.begin_get("/a");
        ASSERT_TRUE(page.wait_for_requests(1));
        auto second = s.begin_get("/a");
        ASSERT_TRUE(page.wait_for_requests(2));
        page.release();
        first.get().expect_body("v1");
        second.get().expect_body("v1");
    }
}

TEST(SingleFlight, TheDeadlineOfTheRouteEndsTheRequest)
{
    scenario s;
    s.set("routes.0.deadline", "50ms");
    auto& page = s.origin().page("/a").cache_control("max-age=10").body("v1").hold();
    s.start();
    s.get("/a").expect_status(504);
    page.release();
}

}  // namespace
}  // namespace tiercel::test
