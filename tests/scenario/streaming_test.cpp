#include "scenario.hpp"

#include <future>
#include <thread>

#include <algorithm>

namespace tiercel::test {
namespace {

constexpr std::string_view get_a = "GET /a HTTP/1.1\r\nHost: shop.test\r\n\r\n";

// Content that is still arriving: it reaches everybody who reads it piece by piece, and is whole or visibly broken.
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

TEST(PaceOfAFetch, AClientThatWentItsOwnWayDoesNotSetThePace)
{
    scenario s;
    manual_origin o;
    s.set("origins.shop.endpoints", "[ '" + o.url() + "' ]").set("cache.l1.max_object", "256KiB");
    s.set("routes.0.stampede.max_wait", "100ms").set("routes.0.stampede.on_timeout", "fetch");
    s.start();
    auto first = s.begin_get("/a");
    byte_stream link = o.accept();
    o.read(link);
    auto second = s.begin_get("/a");
    byte_stream other = o.accept();   // it has waited long enough
    o.read(other);
    link.send("HTTP/1.1 200 OK\r\nCache-Control: max-age=60\r\nTransfer-Encoding: chunked\r\n\r\n");
    const std::string piece(0x10000, 'x');
    for (int i = 0; i < 64; ++i) {    // far more than is kept, and than what a reader may lag behind
        link.send("10000\r\n" + piece + "\r\n");
    }
    link.send("0\r\n\r\n");
    EXPECT_EQ(first.get().body.size(), 64 * piece.size());
    other.send(plain_answer({}, "own"));
    second.get().expect_body("own");
}

TEST(PaceOfAFetch, AReaderThatIsSlowButGetsOnIsNotCutOff)
{
    scenario s;
    manual_origin o;
    s.set("origins.shop.endpoints", "[ '" + o.url() + "' ]").set("cache.l1.max_object", "32MiB").set("routes.0.deadline", "200ms");
    s.start();
    raw_client slow = s.client();
    slow.send("GET /a HTTP/1.1\r\nHost: shop.test\r\n\r\n");
    byte_stream link = o.accept();
    o.read(link);
    constexpr std::size_t size = 40 << 20;
    const auto sending = std::async(std::launch::async, [&] {
        link.send("HTTP/1.1 200 OK\r\nCache-Control: max-age=60\r\nTransfer-Encoding: chunked\r\n\r\n");
        const std::string piece = "100000\r\n" + std::string(1 << 20, 'x') + "\r\n";
        for (std::size_t at = 0; at < size; at += 1 << 20) { link.send(piece, after(20s)); }
        link.send("0\r\n\r\n");
    });
    // Far behind when there is too much to keep, it takes several times the deadline to come near.
    std::size_t got = 0;
    std::string last;
    for (std::size_t pause_at = 0; !last.ends_with("\r\n0\r\n\r\n");) {
        const std::string some = slow.read_some();
        ASSERT_FALSE(some.empty()) << "cut off after " << got;
        got += some.size();
        last = (last + some).substr(std::max<std::size_t>(last.size() + some.size(), 16) - 16);
        if (got >= pause_at) {
            std::this_thread::sleep_for(50ms);
            pause_at = got + (1 << 20);
        }
    }
    EXPECT_GE(got, size);
    sending.wait();
}

}  // namespace
}  // namespace tiercel::test
