#include "scenario.hpp"

namespace tiercel::test {
namespace {

constexpr std::string_view get_a = "GET /a HTTP/1.1\r\nHost: shop.test\r\n\r\n";
constexpr std::string_view hints = "HTTP/1.1 103 Early Hints\r\nLink: </style.css>; rel=preload\r\n\r\n";
constexpr std::string_view hints_passed_on = "HTTP/1.1 103 Early Hints\r\nLink: </style.css>; rel=preload\r\nVia: 1.1 tiercel\r\n\r\n";

// Interim answers (RFC 9110 §15.2, RFC 8297): passed on as they come, and never part of what is stored.
class Interim : public ::testing::Test {
protected:
    void start()
    {
        s.set("origins.shop.endpoints", "[ '" + by_hand.url() + "' ]").set("server.threads", "1");
        s.start();
        c.emplace(s.client());
    }
    byte_stream ask(std::string_view request)
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

TEST_F(Interim, ArePassedOnBeforeTheAnswerIsThere)
{
    start();
    byte_stream link = ask(get_a);
    link.send(hints);
    EXPECT_EQ(read_through(*c, "\r\n\r\n"), hints_passed_on);
    link.send("HTTP/1.1 102 Processing\r\n\r\n");
    EXPECT_EQ(read_through(*c, "\r\n\r\n"), "HTTP/1.1 102 Processing\r\nVia: 1.1 tiercel\r\n\r\n");
    link.send(plain_answer({{"Cache-Control", "max-age=60"}}, "v1"));
    answer(c->read_response()).expect_body("v1").expect_cache("fwd=uri-miss; stored").expect_no_header("Link");
}

// A proxy must forward those that it did not ask for, whatever they mean (RFC 9110 §15.2).
TEST_F(Interim, ThatNobodyKnowsArePassedOnToo)
{
    start();
    byte_stream link = ask(get_a);
    link.send("HTTP/1.1 199 Miscellaneous Warning\r\nWarning: 199 - \"x\"\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n");
    EXPECT_EQ(read_through(*c, "\r\n\r\n"), "HTTP/1.1 199 Miscellaneous Warning\r\nWarning: 199 - \"x\"\r\nVia: 1.1 tiercel\r\n\r\n");
    link.send("HTTP/1.1 104 \r\n\r\n" + plain_answer({{"Cache-Control", "max-age=60"}}, "v1"));
    EXPECT_EQ(read_through(*c, "\r\n\r\n"), "HTTP/1.1 104 \r\nVia: 1.1 tiercel\r\n\r\n");
    answer(c->read_response()).expect_status(200).expect_body("v1").expect_no_header("Warning");
    s.get("/a").expect_body("v1").expect_cache("hit; detail=l1").expect_no_header("Warning");
}

TEST_F(Interim, AreNotPartOfWhatIsStored)
{
    start();
    byte_stream link = ask(get_a);
    link.send(std::string(hints) + plain_answer({{"Cache-Control", "max-age=60"}}, "v1"));
    EXPECT_EQ(c->read_response().interim.size(), 1U);
    s.wait_until_quiet();
    const answer hit = s.get("/a");
    hit.expect_body("v1").expect_cache("hit; detail=l1").expect_no_header("Link");
    EXPECT_TRUE(hit.interim.empty());
}

TEST_F(Interim, ArePassedOnWithWhatIsNotStoredToo)
{
    for (const std::string request : {"GET /a HTTP/1.1\r\nHost: shop.test\r\n\r\n",                                    // private
                                      "GET /a HTTP/1.1\r\nHost: shop.test\r\nAuthorization: x\r\n\r\n",              // alone
                                      "DELETE /a HTTP/1.1\r\nHost: shop.test\r\n\r\n",
                                      "POST /a HTTP/1.1\r\nHost: shop.test\r\nContent-Length: 4\r\n\r\nbody"}) {
        SCOPED_TRACE(request);
        scenario t;
        t.set("origins.shop.endpoints", "[ '" + by_hand.url() + "' ]").start();
        c.emplace(t.client());
        byte_stream link = ask(request);
        link.send(hints);
        EXPECT_EQ(read_through(*c, "\r\n\r\n"), hints_passed_on);
        link.send(plain_answer({{"Cache-Control", "private"}}, "v1"));
        answer(c->read_response()).expect_status(200).expect_body("v1");
    }
}

TEST_F(Interim, LoseTheFieldsOfTheHop)
{
    start();
    byte_stream link = ask(get_a);
    link.send("HTTP/1.1 103 Early Hints\r\nConnection: X-Hop\r\nX-Hop: 1\r\nKeep-Alive: 1\r\nContent-Length: 5\r\n"
              "Link: </a>\r\nLink: </b>\r\nX-End: 2\r\n\r\n");
    EXPECT_EQ(read_through(*c, "\r\n\r\n"),
              "HTTP/1.1 103 Early Hints\r\nLink: </a>\r\nLink: </b>\r\nX-End: 2\r\nVia: 1.1 tiercel\r\n\r\n");
}

TEST_F(Interim, AreUnknownToOldClients)
{
    start();
    for (const std::string verb : {"GET", "DELETE"}) {
        SCOPED_TRACE(verb);
        c->connect();
        byte_stream link = ask(verb + " /a HTTP/1.0\r\nHost: shop.test\r\n\r\n");
        link.send(std::string(hints) + plain_answer({{"Cache-Control", "no-store"}, {"Connection", "close"}}, "v1"));
        EXPECT_TRUE(c->read_to_end().starts_with("HTTP/1.1 200"));
    }
}

// The origin has done what was asked, whether or not the client hears of it.
TEST_F(Interim, OnAWriteWhoseClientHasGoneDoNotHideThatItSucceeded)
{
    start();
    ask(get_a).send(plain_answer({{"Cache-Control", "max-age=600"}, {"Connection", "close"}}, "v1"));
    answer(c->read_response()).expect_body("v1");
    s.get("/a").expect_cache("hit; detail=l1");
    byte_stream link = ask("DELETE /a HTTP/1.1\r\nHost: shop.test\r\n\r\n");
    c->reset();
    link.send(hints);
    link.send(plain_answer({{"Connection", "close"}}, "gone"));
    EXPECT_TRUE(link.is_closed_by_peer(after(default_timeout)));
    auto next = s.begin_get("/a");
    byte_stream again = by_hand.accept();
    EXPECT_EQ(read_request_head(again, after(default_timeout)).method, "GET");
    again.send(plain_answer({}, "", 404));
    next.get().expect_status(404);
}

// Whether the answer may be shared is not known yet, and what is said about a private one is private, too.
TEST_F(Interim, AreForTheClientThatCausedTheFetch)
{
    start();
    byte_stream link = ask(get_a);
    auto waiting = s.begin_get("/a");
    s.wait_for_waiters(1);
    link.send(hints);
    EXPECT_EQ(read_through(*c, "\r\n\r\n"), hints_passed_on);
    link.send(plain_answer({{"Cache-Control", "max-age=60"}}, "v1"));
    EXPECT_EQ(c->read_response().body, "v1");
    const answer other = waiting.get();
    other.expect_body("v1");
    EXPECT_TRUE(other.interim.empty());
}

TEST_F(Interim, OfAValidationArePassedOnAndForgotten)
{
    start();
    byte_stream link = ask(get_a);
    link.send(plain_answer({{"Cache-Control", "max-age=1"}, {"ETag", "\"one\""}}, "v1"));
    EXPECT_EQ(c->read_response().body, "v1");
    s.advance(2s);
    c->send(get_a);
    EXPECT_TRUE(by_hand.read(link).has("If-None-Match"));
    link.send(std::string(hints) + "HTTP/1.1 304 Not Modified\r\nETag: \"one\"\r\nCache-Control: max-age=60\r\n\r\n");
    const http_response r = c->read_response();
    EXPECT_EQ(r.interim.size(), 1U);
    answer(r).expect_status(200).expect_body("v1").expect_no_header("Link");
    s.get("/a").expect_cache("hit; detail=l1").expect_no_header("Link");
}

TEST_F(Interim, OfARefreshAreForNobody)
{
    start();
    byte_stream link = ask(get_a);
    link.send(plain_answer({{"Cache-Control", "max-age=1, stale-while-revalidate=60"}}, "v1"));
    EXPECT_EQ(c->read_response().body, "v1");
    s.advance(2s);
    c->send(get_a);
    EXPECT_EQ(c->read_response().body, "v1");
    by_hand.read(link);
    link.send(std::string(hints) + plain_answer({{"Cache-Control", "max-age=60"}}, "v2"));
    s.wait_until_quiet();
    c->send(get_a);
    const http_response r = c->read_response();
    EXPECT_TRUE(r.interim.empty());
    EXPECT_EQ(r.body, "v2");
}

TEST_F(Interim, DoNotKeepTheAnswerFromOthersWhenTheirClientLeaves)
{
    start();
    byte_stream link = ask(get_a);
    c->reset();
    for (int i = 0; i < 3; ++i) {
        link.send(hints);
    }
    link.send(plain_answer({{"Cache-Control", "max-age=60"}}, "v1"));
    s.wait_until_quiet();
    s.get("/a").expect_body("v1").expect_cache("hit; detail=l1");
}

TEST_F(Interim, BeyondAllReasonAreTheOriginsFault)
{
    const std::string large = "HTTP/1.1 103 Early Hints\r\nLink: <" + std::string(30'000, 'x') + ">\r\n\r\n";   // 64 KiB in all
    start();
    for (const auto& [head, most] : {std::pair(std::string(hints), 16), std::pair(large, 2)}) {
        c->connect();
        byte_stream link = ask("DELETE /a HTTP/1.1\r\nHost: shop.test\r\n\r\n");
        std::string all;
        for (int i = 0; i <= most; ++i) {
            all += head;
        }
        link.send(all);
        const http_response r = c->read_response();
        EXPECT_EQ(r.interim.size(), static_cast<std::size_t>(most));
        answer(r).expect_problem(502, "origin_invalid");
        EXPECT_EQ(link.read_to_end(), "");
    }
    s.expect_metric(2, "origin_invalid_total", {{"reason", "interim"}});
}

}  // namespace
}  // namespace tiercel::test
