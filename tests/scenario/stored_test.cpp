#include "scenario.hpp"

#include <future>

namespace tiercel::test {
namespace {

// What an answer says about whether it is kept, and for how long (RFC 9211 §2.5, §2.6), on all ways that answers take.
class Stored : public ::testing::Test {
protected:
    void start()
    {
        s.set("origins.shop.endpoints", "[ '" + by_hand.url() + "' ]").set("server.threads", "1").set("cache.l1.max_object", "64KiB");
        s.start();
        c.emplace(s.client());
    }
    byte_stream ask(std::string_view fields)
    {
        c->send("GET /a HTTP/1.1\r\nHost: shop.test\r\n" + std::string(fields) + "\r\n");
        byte_stream link = by_hand.accept();
        read_request_head(link, after(default_timeout));
        return link;
    }
    static std::string chunk(std::size_t n) { return "19000\r\n" + std::string(n, 'x') + "\r\n"; }   // 100 KiB

    scenario s;
    manual_origin by_hand;
    std::optional<raw_client> c;
};

constexpr std::string_view head = "HTTP/1.1 200 OK\r\nCache-Control: public, max-age=60\r\n";
constexpr std::string_view condition = "If-None-Match: \"x\"\r\n";         // makes its client wait for the whole
constexpr std::string_view credentials = "Authorization: Bearer x\r\n";    // makes its client go alone

bool has_ttl(const answer& a) { return cache_status_of(a).ttl.has_value(); }

TEST_F(Stored, IsNotSaidOfWhatHasTurnedOutTooLargeWhileTheClientWaited)
{
    start();
    byte_stream link = ask(condition);
    link.send(std::string(head) + "Transfer-Encoding: chunked\r\n\r\n" + chunk(0x19000) + "0\r\n\r\n");
    const answer a(c->read_response());
    a.expect_status(200).expect_cache("fwd=uri-miss; detail=too-large");
    EXPECT_FALSE(has_ttl(a));
    EXPECT_EQ(a.body.size(), 0x19000U);
    s.expect_metric(1, "uncacheable_total", {{"reason", "too-large"}});
}

TEST_F(Stored, IsNotSaidOfAnErrorThatStandsForABrokenAnswer)
{
    start();
    byte_stream link = ask(condition);
    link.send(std::string(head) + "Content-Length: 50000\r\n\r\n" + std::string(40'000, 'x'));
    link.close();
    const answer a(c->read_response());
    a.expect_problem(502, "origin_truncated").expect_cache("fwd=uri-miss; detail=invalid");
    EXPECT_FALSE(has_ttl(a));
}

TEST_F(Stored, IsSaidWithTheTimeOfAnAnswerThatCameToOneClientAlone)
{
    start();
    byte_stream link = ask(credentials);
    link.send(std::string(head) + "Content-Length: 2\r\n\r\nv1");
    answer(c->read_response()).expect_cache("fwd=uri-miss; stored; detail=request-authorization").expect_ttl(60);
    s.get("/a").expect_cache("hit; detail=l1").expect_ttl(60);
}

TEST_F(Stored, IsSaidOfALargeOneWhoseEndIsNotHereYet)
{
    start();
    byte_stream link = ask(credentials);
    link.send(std::string(head) + "Age: 10\r\nContent-Length: 50000\r\n\r\n" + std::string(40'000, 'x'));
    const std::string begin = read_through(*c, "\r\n\r\n");
    const auto says = [&](std::string_view ttl) {
        return begin.find("; stored; ttl=" + std::string(ttl) + "; detail=request-authorization\r\n") != std::string::npos;
    };
    EXPECT_TRUE(says("50") || says("49")) << begin;   // it took a moment, too
    link.send(std::string(10'000, 'x'));
    EXPECT_EQ(c->read_exactly(50'000).size(), 50'000U);
    s.get("/a").expect_cache("hit; detail=l1");
}

TEST_F(Stored, IsNotSaidWhenTheAnswerToOneClientHasMoreBytesThanItSays)
{
    start();
    byte_stream link = ask(credentials);
    link.send(std::string(head) + "Content-Length: 2\r\n\r\nv1!");
    const answer a(c->read_response());
    a.expect_body("v1").expect_cache("fwd=uri-miss; detail=surplus");
    EXPECT_FALSE(has_ttl(a));
    s.expect_metric(1, "uncacheable_total", {{"reason", "surplus"}});
}

TEST_F(Stored, IsNotSaidWhenTheUrlWasInvalidatedOnTheWay)
{
    start();
    byte_stream link = ask(credentials);
    auto writer = std::async(std::launch::async, [&] { return s.request("DELETE", "/a").status; });
    byte_stream other = by_hand.accept();
    by_hand.read(other);
    other.send(plain_answer({}, "gone"));
    EXPECT_EQ(writer.get(), 200);
    link.send(std::string(head) + "Content-Length: 2\r\n\r\nv1");
    const answer a(c->read_response());
    a.expect_body("v1").expect_cache("fwd=uri-miss; detail=fence");
    EXPECT_FALSE(has_ttl(a));
}

TEST_F(Stored, ThatCameAloneAndTurnedOutTooLargeIsCounted)
{
    start();
    byte_stream link = ask(credentials);
    link.send(std::string(head) + "Transfer-Encoding: chunked\r\n\r\n" + chunk(0x19000) + "0\r\n\r\n");
    EXPECT_EQ(c->read_response().body.size(), 0x19000U);
    s.expect_metric(1, "uncacheable_total", {{"reason", "too-large"}});
}

TEST_F(Stored, IsSaidWithTheTimeOfAPartAndOfWhatCompletesOne)
{
    start();
    const auto part = [](const std::string& range, const std::string& bytes) {
        return "HTTP/1.1 206 Partial Content\r\nETag: \"1\"\r\nCache-Control: max-age=60\r\nContent-Range: bytes " + range +
               "/10\r\nContent-Length: " + std::to_string(bytes.size()) + "\r\n\r\n" + bytes;
    };
    byte_stream link = ask("Range: bytes=0-4\r\n");
    link.send(part("0-4", "01234"));
    answer(c->read_response()).expect_status(206).expect_cache("fwd=uri-miss; stored; detail=partial").expect_ttl(60);
    c->send("GET /a HTTP/1.1\r\nHost: shop.test\r\nRange: bytes=2-7\r\n\r\n");
    EXPECT_EQ(by_hand.read(link).header("Range"), "bytes=5-7");
    link.send(part("5-7", "567"));
    answer(c->read_response()).expect_status(206).expect_body("234567").expect_cache("fwd=partial; stored; detail=partial").expect_ttl(60);
}

TEST(StoredByPost, IsSaidWithItsTime)
{
    scenario s;
    s.origin().page("/a").cache_control("max-age=60").header("Content-Location", "/a").body("by post");
    s.start();
    s.post("/a", "new").expect_cache("fwd=method; stored").expect_ttl(60);
}

}  // namespace
}  // namespace tiercel::test
