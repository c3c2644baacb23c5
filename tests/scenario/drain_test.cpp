#include "scenario.hpp"

namespace tiercel::test {
namespace {

constexpr std::string_view get_a = "GET /a HTTP/1.1\r\nHost: shop.test\r\n\r\n";

class Drain : public ::testing::Test {
protected:
    void start()
    {
        s.set("origins.shop.endpoints", "[ '" + by_hand.url() + "' ]");
        s.start();
        c.emplace(s.client());
    }

    scenario s;
    manual_origin by_hand;
    std::optional<raw_client> c;
};

TEST_F(Drain, WithNothingToDoIsOverAtOnce)
{
    start();
    EXPECT_TRUE(s.begin_drain().get());
    EXPECT_THROW(s.get("/a"), std::exception);
}

TEST_F(Drain, LetsADownloadEndAndThenClosesItsConnection)
{
    start();
    c->send(get_a);
    byte_stream link = by_hand.accept();
    by_hand.read(link);
    link.send("HTTP/1.1 200 OK\r\nContent-Length: 8\r\n\r\none-");
    read_through(*c, "one-");
    auto drained = s.begin_drain();
    EXPECT_TRUE(eventually([&] {   // nobody new gets in
        try {
            connect_to("127.0.0.1", s.port());
            return false;
        } catch (const std::system_error&) {
            return true;
        }
    }));
    EXPECT_EQ(drained.wait_for(50ms), std::future_status::timeout);
    link.send("end.");
    EXPECT_EQ(c->read_exactly(4), "end.");
    EXPECT_TRUE(c->is_closed_by_peer());
    EXPECT_TRUE(drained.get());
}

TEST_F(Drain, LetsAnUploadEnd)
{
    start();
    c->send("POST /a HTTP/1.1\r\nHost: shop.test\r\nContent-Length: 8\r\n\r\none-");
    byte_stream link = by_hand.accept();
    read_request_head(link, after(default_timeout));
    EXPECT_EQ(link.read_exactly(4), "one-");
    auto drained = s.begin_drain();
    EXPECT_EQ(drained.wait_for(50ms), std::future_status::timeout);
    c->send("end.");
    EXPECT_EQ(link.read_exactly(4), "end.");
    link.send(plain_answer({}, "thanks"));
    EXPECT_EQ(c->read_response().body, "thanks");
    EXPECT_TRUE(drained.get());
}

TEST_F(Drain, ClosesIdleConnections)
{
    start();
    c->send(get_a);
    byte_stream link = by_hand.accept();
    by_hand.read(link);
    link.send(plain_answer({}, "v1"));
    EXPECT_EQ(c->read_response().body, "v1");
    raw_client silent = s.client();
    silent.connect();
    auto drained = s.begin_drain();
    EXPECT_TRUE(c->is_closed_by_peer());
    EXPECT_TRUE(silent.is_closed_by_peer());
    EXPECT_TRUE(drained.get());
    EXPECT_TRUE(link.is_closed_by_peer());
}

TEST_F(Drain, TellsClientsThatTheirConnectionEnds)
{
    start();
    c->send("GET /a HTTP/1.1\r\nHost: shop.t");   // a request under way
    EXPECT_TRUE(eventually([&] { return s.metric("connections", {{"state", "active"}}) == 1; }));
    auto drained = s.begin_drain();
    EXPECT_EQ(drained.wait_for(50ms), std::future_status::timeout);
    c->send("est\r\n\r\n");
    byte_stream link = by_hand.accept();
    by_hand.read(link);
    link.send(plain_answer({}, "v1"));
    answer(c->read_response()).expect_body("v1").expect_header("Connection", "close");
    EXPECT_TRUE(c->is_closed_by_peer());
    EXPECT_TRUE(drained.get());
}

TEST_F(Drain, WaitersOfAFetchGetItsAnswer)
{
    start();
    auto first = s.begin_get("/a");
    byte_stream link = by_hand.accept();
    by_hand.read(link);
    auto others = s.begin_gets(5, "/a");
    s.wait_for_waiters(5);
    auto drained = s.begin_drain();
    EXPECT_EQ(drained.wait_for(50ms), std::future_status::timeout);
    link.send(plain_answer({{"Cache-Control", "max-age=60"}}, "v1"));
    first.get().expect_body("v1");
    for (auto& one : others) {
        one.get().expect_body("v1");
    }
    EXPECT_TRUE(drained.get());
}

TEST_F(Drain, BreaksOffWhatTakesTooLong)
{
    s.set("server.timeouts.drain", "100ms");
    start();
    c->send(get_a);
    byte_stream link = by_hand.accept();
    by_hand.read(link);
    EXPECT_FALSE(s.begin_drain().get());
    EXPECT_TRUE(c->read_to_end().empty());
    EXPECT_EQ(link.read_to_end(), "");
}

TEST_F(Drain, DoesNotWaitForRefreshesThatNobodyNeeds)
{
    start();
    auto first = s.begin_get("/a");
    byte_stream link = by_hand.accept();
    by_hand.read(link);
    link.send(plain_answer({{"Cache-Control", "max-age=1, stale-while-revalidate=60"}, {"Connection", "close"}}, "v1"));
    first.get().expect_body("v1");
    s.advance(2s);
    s.get("/a").expect_body("v1").expect_cache("hit; detail=swr");
    byte_stream refresh = by_hand.accept();
    by_hand.read(refresh);
    EXPECT_TRUE(s.begin_drain().get());   // the refresh is never answered
}

TEST(Stop, InTheMiddleOfEverythingLeavesNothingBehind)
{
    for (int i = 0; i < 5; ++i) {
        auto s = std::make_unique<scenario>();
        manual_origin by_hand;
        s->set("server.timeouts.drain", "0ms");
        s->set("origins.held.endpoints", "[ '" + by_hand.url() + "' ]");
        s->set("routes.0", "{ name: held, match: { path: /held/ }, origin: held }");
        s->set("routes.1", "{ name: all, match: { path: / }, origin: shop }");
        s->origin().page("/a").cache_control("max-age=60").body(std::string(5'000'000, 'x'));
        s->start();
        std::vector<raw_client> clients;
        for (int n = 0; n < 4; ++n) {
            clients.push_back(s->client());
            clients.back().send("GET /held/a HTTP/1.1\r\nHost: shop.test\r\n\r\n");
            clients.push_back(s->client());
            clients.back().send("GET /a HTTP/1.1\r\nHost: shop.test\r\n\r\n");
            clients.push_back(s->client());
            clients.back().send("POST /held/b HTTP/1.1\r\nHost: shop.test\r\nContent-Length: 100\r\n\r\nsome");
            clients.push_back(s->client());
            clients.back().send("GET /a HT");
        }
        byte_stream link = by_hand.accept();
        s.reset();   // sanitizers look for the rest
    }
}

}  // namespace
}  // namespace tiercel::test
