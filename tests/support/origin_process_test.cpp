#include "support/origin_process.hpp"

#include "origin/content.hpp"

#include <gmock/gmock.h>

using namespace tiercel::test;
using tiercel::sample_origin::content;

namespace {

class SampleOrigin : public testing::Test {
protected:
    void SetUp() override
    {
        if (!origin_process::available()) { GTEST_SKIP() << "tiercel-origin is not built"; }
        origin_ = std::make_unique<origin_process>();
        client_ = std::make_unique<raw_client>(origin_->port());
    }
    origin_process& origin() { return *origin_; }
    raw_client& client() { return *client_; }

private:
    std::unique_ptr<origin_process> origin_;
    std::unique_ptr<raw_client> client_;
};

}  // namespace

TEST(Content, FollowsFromNameAndPositionAlone)
{
    const std::string whole = content("/a", 1000);
    EXPECT_EQ(whole.size(), 1000u);
    EXPECT_EQ(content("/a", 13, 501), whole.substr(501, 13));
    EXPECT_NE(content("/b", 1000), whole);
}

TEST_F(SampleOrigin, ServesObjectsWithVerifiableContent)
{
    const http_response b = client().get("/b/5000/x");
    EXPECT_EQ(b.body, content("/b/5000/x", 5000));
    EXPECT_EQ(b.header("Cache-Control"), "public, max-age=86400");
    EXPECT_EQ(client().get("/b/5000/x", {{"If-None-Match", *b.header("ETag")}}).status, 304);
    EXPECT_EQ(client().get("/n/10/x").header("Cache-Control"), "no-store");
    EXPECT_EQ(client().get("/b/x/x").status, 404);
}

TEST_F(SampleOrigin, MakesPagesToOrder)
{
    const http_response r = client().get(
        "/page/a?ttl=10&size=7&status=203&etag=abc&vary=A%2C+B&h=X-A:1&h=X-A:2&age=5&v=2&modified=60&expires=9");
    EXPECT_EQ(r.status, 203);
    EXPECT_EQ(r.body, content("/page/a#2", 7));
    EXPECT_EQ(r.header("Cache-Control"), "max-age=10");
    EXPECT_EQ(r.header("ETag"), "\"abc\"");
    EXPECT_EQ(r.header("Vary"), "A, B");
    EXPECT_EQ(r.header("Age"), "5");
    EXPECT_EQ(r.count("X-A"), 2u);
    EXPECT_TRUE(r.has("Last-Modified"));
    EXPECT_TRUE(r.has("Expires"));
    EXPECT_EQ(client().get("/page/a?etag=abc", {{"If-None-Match", "\"abc\""}}).status, 304);
    EXPECT_EQ(client().get("/page/count?serial=1").body, "1");
    EXPECT_EQ(client().get("/page/count?serial=1").body, "2");
    EXPECT_EQ(client().request("HEAD", "/page/a").body, "");
}

TEST_F(SampleOrigin, FramesAndPacesAsAsked)
{
    const http_response chunked = client().get("/page/a?te=chunked&size=250&piece=100&trailer=X-T:1");
    EXPECT_EQ(chunked.framed, framing::chunked);
    EXPECT_EQ(chunked.body, content("/page/a", 250));
    EXPECT_EQ(chunked.trailers.size(), 1u);
    const http_response open = client().get("/page/a?te=close");
    EXPECT_EQ(open.framed, framing::until_close);
    const http_response hinted = client().get("/page/a?early=1");
    EXPECT_EQ(hinted.interim.size(), 1u);
    const auto begin = std::chrono::steady_clock::now();
    client().get("/page/a?delay=30ms&size=300&pause=10ms");
    EXPECT_GE(std::chrono::steady_clock::now() - begin, std::chrono::milliseconds(50));
}

TEST_F(SampleOrigin, EchoesBodiesAndHeads)
{
    EXPECT_EQ(client().request("POST", "/page/a", {}, "payload").body, "payload");
    EXPECT_EQ(client().request("PUT", "/page/a", {{"Transfer-Encoding", "chunked"}}, "3\r\nabc\r\n0\r\n\r\n").body, "abc");
    EXPECT_THAT(client().get("/echo", {{"X-A", "b"}}).body, testing::HasSubstr("X-A: b\r\n"));
}

TEST_F(SampleOrigin, FailsTheFirstRequestsOnDemand)
{
    EXPECT_EQ(client().get("/page/f?fail=2&ttl=9").status, 503);
    EXPECT_EQ(client().get("/page/f?fail=2&fail_as=500").status, 500);
    EXPECT_EQ(client().get("/page/f?fail=2&ttl=9").status, 200);
    EXPECT_THROW(client().get("/page/g?fail=1&fail_as=reset"), peer_closed);
}

TEST_F(SampleOrigin, CountsWhatItSaw)
{
    client().get("/page/a");
    client().get("/page/a?v=2", {{"X-Seen", "y\xe4"}});
    raw_client(origin().port()).get("/b/1/x");
    EXPECT_EQ(origin().requests(), 3u);
    EXPECT_EQ(origin().requests("/page/a"), 2u);
    EXPECT_THAT(origin().requests_by_path(), testing::ElementsAre(testing::Pair("/b/1/x", 1u), testing::Pair("/page/a", 2u)));
    EXPECT_EQ(origin().connections(), 2u);
    EXPECT_GE(origin().most_connections(), 1u);
    EXPECT_THAT(origin().request_heads().at(1), testing::HasSubstr("X-Seen: y"));
    origin().forget();
    EXPECT_EQ(origin().requests(), 0u);
}

TEST_F(SampleOrigin, ChangesItsMindAtRunTime)
{
    origin().control("status=503");
    EXPECT_EQ(client().get("/b/1/x").status, 503);
    origin().control("status=0");
    EXPECT_EQ(client().get("/b/1/x").status, 200);
}

TEST_F(SampleOrigin, RepeatsAFieldOfTheRequest)
{
    const http_response r = client().get("/page/a?echo=X-Who&size=5", {{"X-Who", "me"}});
    EXPECT_EQ(r.body, "me\n" + content("/page/a", 5));
    EXPECT_EQ(r.header("X-Echo"), "me");
    EXPECT_EQ(client().get("/page/a?echo=X-Who&size=0").body, "\n");
}

TEST_F(SampleOrigin, FailsAShareOfTheRequests)
{
    origin().control("status=500&share=20");
    int failed = 0;
    for (int i = 0; i < 500; ++i) { failed += client().get("/b/1/x").status == 500 ? 1 : 0; }
    EXPECT_GT(failed, 50);
    EXPECT_LT(failed, 150);
}

TEST_F(SampleOrigin, WorksOnSoManyRequestsAtATime)
{
    origin().control("workers=1&latency=50ms");
    raw_client other(origin().port());
    const auto begin = std::chrono::steady_clock::now();
    client().connect();
    client().send("GET /b/1/x HTTP/1.1\r\nHost: a\r\n\r\n");
    EXPECT_EQ(other.get("/b/1/y").status, 200);
    EXPECT_EQ(client().read_response().status, 200);
    EXPECT_GE(std::chrono::steady_clock::now() - begin, std::chrono::milliseconds(100)) << "one after the other";
}

TEST_F(SampleOrigin, StreamsEventsAndEchoesUpgradedBytes)
{
    EXPECT_EQ(client().get("/events?count=3").body, "data: 1\n\ndata: 2\n\ndata: 3\n\n");
    client().connect();
    client().send("GET /upgrade HTTP/1.1\r\nHost: a\r\nConnection: upgrade\r\nUpgrade: echo\r\n\r\n");
    EXPECT_EQ(client().read_response().status, 101);
    client().send("ping");
    EXPECT_EQ(client().read_exactly(4), "ping");
}

TEST_F(SampleOrigin, EveryFaultIsOneThatAStrictClientRefusesOrOneThatLooksGood)
{
    enum seen { refused, closed, silent, looks_good };
    struct fault_case {
        const char* name;
        enum seen seen;
    };
    for (const fault_case& c : std::initializer_list<fault_case>{
             {"no-answer", closed}, {"reset", closed}, {"truncate", closed},
             {"reset-body", closed}, {"reset-until-close", closed}, {"truncate-head", closed},
             {"short-chunk", closed}, {"no-last-chunk", closed}, {"http09", closed},
             {"bare-lf", closed}, {"hang", silent}, {"hang-body", silent},
             {"hang-head", silent}, {"two-lengths", refused}, {"length-list", refused},
             {"length-and-chunked", refused}, {"bad-length", refused}, {"negative-length", refused},
             {"huge-length", refused}, {"bad-coding", refused}, {"chunked-twice", refused},
             {"bad-chunk", refused}, {"huge-chunk", refused}, {"lf-chunk", closed},
             {"garbage", refused}, {"bad-version", refused}, {"bad-status", refused},
             {"nul", refused}, {"bare-cr", refused}, {"fold", refused},
             {"space-colon", refused}, {"no-colon", refused}, {"close", looks_good},
             {"surplus", looks_good}, {"second-answer", looks_good}, {"big-head", looks_good},
             {"many-fields", looks_good}, {"early-413", looks_good}, {"unasked-101", looks_good},
             {"unasked-206", looks_good}, {"unasked-304", looks_good}, {"body-204", refused},
             {"endless-103", looks_good},
         }) {
        SCOPED_TRACE(c.name);
        raw_client fresh(origin().port());
        if (c.seen == silent) { fresh.set_timeout(std::chrono::milliseconds(20)); }
        const std::string target = std::string("/fault/") + c.name;
        switch (c.seen) {
        case refused: EXPECT_THROW(fresh.get(target), protocol_error); break;
        case closed: EXPECT_THROW(fresh.get(target), peer_closed); break;
        case silent: EXPECT_THROW(fresh.get(target), timed_out); break;
        case looks_good: EXPECT_GE(fresh.get(target).status, 101); break;
        }
    }
    EXPECT_EQ(client().get("/fault/none-such").status, 404);
}

TEST_F(SampleOrigin, EndsCleanlyAndComesBackOnItsPort)
{
    const std::uint16_t port = origin().port();
    origin().restart();
    EXPECT_EQ(origin().port(), port);
    EXPECT_EQ(client().get("/").status, 200);
}
