#include "support/fake_origin.hpp"
#include "support/raw_client.hpp"

#include <gmock/gmock.h>

#include <future>
#include <system_error>

using namespace tiercel::test;

namespace {

std::future<http_response> get_later(std::uint16_t port, std::string target)
{
    return std::async(std::launch::async, [port, target] { return raw_client(port).get(target); });
}

}  // namespace

TEST(FakeOrigin, AnswersAsScriptedOverOneKeptConnection)
{
    fake_origin origin;
    origin.page("/a").cache_control("max-age=1").header("X-A", "1").header("X-A", "2").body("hello");
    raw_client client(origin.port());
    for (int i = 0; i < 3; ++i) {
        const http_response r = client.get("/a");
        EXPECT_EQ(r.status, 200);
        EXPECT_EQ(r.body, "hello");
        EXPECT_EQ(r.header("Cache-Control"), "max-age=1");
        EXPECT_EQ(r.count("X-A"), 2u);
        EXPECT_TRUE(r.has("Date"));
    }
    EXPECT_EQ(client.get("/unknown").status, 404);
    EXPECT_EQ(origin.page("/a").requests(), 3);
    EXPECT_EQ(origin.requests(), 4);
    EXPECT_EQ(origin.connections(), 1);
}

TEST(FakeOrigin, AnswersConditionsHeadAndChunks)
{
    fake_origin origin;
    origin.page("/a").etag("\"1\"").body("hello").chunked();
    raw_client client(origin.port());
    EXPECT_EQ(client.get("/a").framed, framing::chunked);
    EXPECT_EQ(client.request("HEAD", "/a").body, "");
    EXPECT_EQ(client.get("/a", {{"If-None-Match", "\"0\", W/\"1\""}}).status, 304);
    EXPECT_EQ(client.get("/a", {{"If-None-Match", "\"0\""}}).status, 200);
    origin.page("/a").etag("\"2\"").body("new");
    EXPECT_EQ(client.get("/a", {{"If-None-Match", "\"1\""}}).body, "new");
}

TEST(FakeOrigin, RecordsWhatItReceived)
{
    fake_origin origin;
    origin.page("/a");
    raw_client client(origin.port());
    client.request("POST", "/a", {{"X-B", "c"}, {"Expect", "100-continue"}}, "payload");
    const auto seen = origin.page("/a").received();
    ASSERT_EQ(seen.size(), 1u);
    EXPECT_EQ(seen[0].method, "POST");
    EXPECT_EQ(seen[0].header("x-b"), "c");
    EXPECT_EQ(seen[0].body, "payload");
}

TEST(FakeOrigin, HoldsAnswersUntilReleased)
{
    fake_origin origin;
    origin_page& page = origin.page("/a").hold().body("late");
    auto answer = get_later(origin.port(), "/a");
    ASSERT_TRUE(page.wait_for_requests(1));
    EXPECT_EQ(answer.wait_for(std::chrono::milliseconds(20)), std::future_status::timeout);
    page.release();
    EXPECT_EQ(answer.get().body, "late");
}

TEST(FakeOrigin, BreaksAsTold)
{
    fake_origin origin;
    const auto ask = [&](origin_fault f) {
        origin.page("/a").body("0123456789").fault(f);
        raw_client client(origin.port());
        return client.get("/a").body;
    };
    EXPECT_THROW(ask(origin_fault::close_without_answer), peer_closed);
    EXPECT_THROW(ask(origin_fault::truncate), peer_closed);
    EXPECT_EQ(ask(origin_fault::close_after_answer), "0123456789");
    for (const origin_fault f : {origin_fault::reset_without_answer, origin_fault::reset_in_body}) {
        try {
            ask(f);
            ADD_FAILURE();
        } catch (const peer_closed& e) {
            EXPECT_TRUE(e.reset);
        }
    }
    for (const origin_fault f : {origin_fault::hang_before_head, origin_fault::hang_in_body}) {
        origin.page("/a").fault(f);
        raw_client client(origin.port());
        client.set_timeout(std::chrono::milliseconds(30));
        EXPECT_THROW(client.get("/a"), timed_out);
    }
}

TEST(FakeOrigin, WritesRawBytesAndComputedAnswers)
{
    fake_origin origin;
    origin.page("/a").raw("HTTP/1.1 299 Odd\r\nContent-Length: 2\r\n\r\nhi");
    raw_client client(origin.port());
    EXPECT_EQ(client.get("/a").status, 299);
    origin.page("/a").answer([](const http_request& r) {
        return "HTTP/1.1 200 OK\r\nContent-Length: " + std::to_string(r.target.size()) + "\r\n\r\n" + r.target;
    });
    EXPECT_EQ(client.get("/a").body, "/a");
}

TEST(FakeOrigin, GoesDownAndComesBackOnTheSamePort)
{
    fake_origin origin;
    origin.page("/a").body("x").hold();
    auto cut = get_later(origin.port(), "/a");
    ASSERT_TRUE(origin.page("/a").wait_for_requests(1));
    origin.go_down();
    EXPECT_THROW(cut.get(), peer_closed);
    EXPECT_THROW(raw_client(origin.port()).connect(), std::system_error);
    origin.page("/a").release();
    origin.come_back();
    EXPECT_EQ(raw_client(origin.port()).get("/a").body, "x");
}

TEST(FakeOrigin, LetsTestsSetTheDate)
{
    fake_origin origin;
    origin.page("/a");
    origin.set_date([] { return std::string("Thu, 01 Jan 2026 00:00:00 GMT"); });
    EXPECT_EQ(raw_client(origin.port()).get("/a").header("Date"), "Thu, 01 Jan 2026 00:00:00 GMT");
    origin.set_date([] { return std::string(); });
    EXPECT_FALSE(raw_client(origin.port()).get("/a").has("Date"));
}
