#include "scenario.hpp"

namespace tiercel::test {
namespace {

// An origin that says what it was asked for.
void echo_field(origin_page& page, std::string field, std::string cache_control, std::string vary)
{
    page.answer([=](const http_request& r) {
        const std::string value = r.header(field).value_or("none");
        return plain_answer({{"Cache-Control", cache_control}, {"Vary", vary}, {"ETag", "\"" + value + "\""}}, "for " + value);
    });
}

TEST(Vary, VariantsStandSideBySide)
{
    scenario s;
    auto& page = s.origin().page("/a");
    echo_field(page, "X-Kind", "max-age=60", "X-Kind");
    s.start();
    s.get("/a", {{"X-Kind", "red"}}).expect_body("for red").expect_cache("fwd=uri-miss; stored");
    s.get("/a", {{"X-Kind", "blue"}}).expect_body("for blue").expect_cache("fwd=vary-miss; stored");
    s.get("/a").expect_body("for none").expect_cache("fwd=vary-miss; stored");
    for (int i = 0; i < 3; ++i) {
        s.get("/a", {{"X-Kind", "red"}}).expect_body("for red").expect_cache("hit; detail=l1");
        s.get("/a", {{"X-Kind", "blue"}}).expect_body("for blue").expect_cache("hit; detail=l1");
        s.get("/a").expect_body("for none").expect_cache("hit; detail=l1");
    }
    EXPECT_EQ(page.requests(), 3);
}

TEST(Vary, ValuesCompareAfterTheWhitespaceThatMeansNothing)
{
    scenario s;
    auto& page = s.origin().page("/a");
    echo_field(page, "X-Kind", "max-age=60", "X-Kind");
    s.start();
    s.get("/a", {{"X-Kind", "a, b"}}).expect_cache("fwd=uri-miss; stored");
    s.get("/a", {{"X-Kind", "a,b"}}).expect_cache("hit; detail=l1");
    s.get("/a", {{"X-Kind", "  a ,  b  "}}).expect_cache("hit; detail=l1");
    s.get("/a", {{"X-Kind", "a"}, {"X-Kind", "b"}}).expect_cache("hit; detail=l1");
    s.get("/a", {{"X-Kind", "b, a"}}).expect_cache("fwd=vary-miss; stored");
    EXPECT_EQ(page.requests(), 2);
}

TEST(Vary, SeveralFieldsMustAllMatch)
{
    scenario s;
    auto& page = s.origin().page("/a");
    echo_field(page, "X-Kind", "max-age=60", "X-Size, X-Kind");
    s.start();
    s.get("/a", {{"X-Kind", "red"}, {"X-Size", "big"}}).expect_cache("fwd=uri-miss; stored");
    s.get("/a", {{"X-Size", "big"}, {"X-Other", "1"}, {"X-Kind", "red"}}).expect_cache("hit; detail=l1");
    s.get("/a", {{"X-Kind", "red"}, {"X-Size", "small"}}).expect_cache("fwd=vary-miss; stored");
    s.get("/a", {{"X-Kind", "red"}}).expect_cache("fwd=vary-miss; stored");
    EXPECT_EQ(page.requests(), 3);
}

TEST(Vary, LanguagesAreReducedToThoseThatTheOriginHas)
{
    scenario s;
    s.set("routes.0.key.vary.languages", "[en, de]");
    auto& page = s.origin().page("/a");
    echo_field(page, "Accept-Language", "max-age=60", "Accept-Language");
    s.start();
    s.get("/a", {{"Accept-Language", "de-AT, en;q=0.3"}}).expect_body("for de").expect_cache("fwd=uri-miss; stored");
    s.get("/a", {{"Accept-Language", "de"}}).expect_body("for de").expect_cache("hit; detail=l1");
    s.get("/a", {{"Accept-Language", "en"}}).expect_body("for en").expect_cache("fwd=vary-miss; stored");
    EXPECT_EQ(page.requests(), 2);
}

TEST(Vary, TheOriginGetsLanguagesInTheFormThatIsKeyed)
{
    scenario s;
    auto& page = s.origin().page("/a");
    echo_field(page, "Accept-Language", "max-age=60", "Accept-Language");
    s.start();
    const std::string browser = "en-US,en;q=0.9,de;q=0.8";   // is in that form already
    s.get("/a", {{"Accept-Language", "EN; Q=0.9, de;q=0.8"}, {"Accept-Language", "en-us"}}).expect_body("for " + browser);
    s.get("/a", {{"Accept-Language", browser}}).expect_body("for " + browser).expect_cache("hit; detail=l1");
    s.get("/a", {{"Accept-Language", "en;q=0.9,de;q=0.8"}}).expect_body("for en;q=0.9,de;q=0.8").expect_cache("fwd=vary-miss; stored");
}

TEST(Vary, EncodingsAreReducedToTheBest)
{
    scenario s;
    auto& page = s.origin().page("/a");
    echo_field(page, "Accept-Encoding", "max-age=60", "Accept-Encoding");
    s.start();
    s.get("/a", {{"Accept-Encoding", "gzip, deflate, br"}}).expect_body("for br, gzip").expect_cache("fwd=uri-miss; stored");
    s.get("/a", {{"Accept-Encoding", "br;q=1.0, gzip;q=0.8, *;q=0.1"}}).expect_body("for br, gzip").expect_cache("hit; detail=l1");
    s.get("/a", {{"Accept-Encoding", "gzip"}}).expect_body("for gzip").expect_cache("fwd=vary-miss; stored");
    EXPECT_EQ(page.requests(), 2);
}

TEST(Vary, WhatSelectsByAnythingIsNotStored)
{
    for (const std::string vary : {"*", "X-Kind, *", " , *"}) {
        SCOPED_TRACE(vary);
        scenario s;
        auto& page = s.origin().page("/a").cache_control("max-age=60").vary(vary).body("v1");
        s.start();
        s.get("/a").expect_body("v1").expect_cache("fwd=uri-miss; detail=vary-star");
        s.get("/a").expect_body("v1");
        EXPECT_EQ(page.requests(), 2);
    }
}

TEST(Vary, WhatSelectsByPersonalFieldsIsNotStoredUnlessAllowed)
{
    for (const bool allowed : {false, true}) {
        scenario s;
        if (allowed) {
            s.set("routes.0.key.vary.allow", "[Cookie]");
        }
        auto& page = s.origin().page("/a");
        echo_field(page, "Cookie", "max-age=60", "Cookie");
        s.start();
        s.get("/a", {{"Cookie", "id=1"}}).expect_body("for id=1");
        s.get("/a", {{"Cookie", "id=2"}}).expect_body("for id=2");
        s.get("/a", {{"Cookie", "id=1"}}).expect_body("for id=1");
        EXPECT_EQ(page.requests(), allowed ? 2 : 3);
    }
}

TEST(Vary, EachVariantExpiresAndIsValidatedByItself)
{
    scenario s;
    auto& page = s.origin().page("/a");
    echo_field(page, "X-Kind", "max-age=60", "X-Kind");
    s.start();
    s.get("/a", {{"X-Kind", "red"}});
    s.advance(40s);
    s.get("/a", {{"X-Kind", "blue"}});
    s.advance(30s);
    page.answer([](const http_request& r) {
        return "HTTP/1.1 304 Not Modified\r\nCache-Control: max-age=60\r\nVary: X-Kind\r\nETag: " +
               r.header("If-None-Match").value_or("\"none\"") + "\r\n\r\n";
    });
    s.get("/a", {{"X-Kind", "blue"}}).expect_body("for blue").expect_cache("hit; detail=l1");
    s.get("/a", {{"X-Kind", "red"}}).expect_body("for red").expect_cache("fwd=stale; stored");
    ASSERT_EQ(page.requests(), 3);
    EXPECT_EQ(page.received()[2].header("If-None-Match"), "\"red\"");
    EXPECT_EQ(page.received()[2].header("X-Kind"), "red");
}

TEST(Vary, AVariantThatIsValidatedAgainAndAgainIsNotForgotten)
{
    scenario s;
    auto& page = s.origin().page("/a");
    echo_field(page, "X-Kind", "max-age=60", "X-Kind");
    s.start();
    s.get("/a", {{"X-Kind", "red"}});
    page.answer([](const http_request&) {
        return std::string("HTTP/1.1 304 Not Modified\r\nCache-Control: max-age=60\r\nETag: \"red\"\r\n\r\n");
    });
    for (int i = 0; i < 200; ++i) {
        SCOPED_TRACE(i);
        s.advance(61s);
        s.expire();
        s.get("/a", {{"X-Kind", "red"}}).expect_status(200).expect_body("for red").expect_cache("fwd=stale; stored");
        s.advance(30s);
        s.get("/a", {{"X-Kind", "red"}}).expect_status(200).expect_body("for red").expect_cache("hit; detail=l1");
    }
}

TEST(Vary, AnOriginThatChangesWhatSelectsIsFollowed)
{
    scenario s;
    auto& page = s.origin().page("/a");
    echo_field(page, "X-Kind", "max-age=60", "X-Kind");
    s.start();
    s.get("/a", {{"X-Kind", "red"}}).expect_cache("fwd=uri-miss; stored");
    echo_field(page, "X-Size", "max-age=60", "X-Size");
    s.get("/a", {{"X-Kind", "blue"}, {"X-Size", "big"}}).expect_body("for big").expect_cache("fwd=vary-miss; stored");
    s.get("/a", {{"X-Size", "big"}}).expect_body("for big").expect_cache("hit; detail=l1");
    s.get("/a", {{"X-Kind", "red"}, {"X-Size", "small"}}).expect_body("for red").expect_cache("hit; detail=l1");
}

TEST(Vary, OfSeveralAnswersThatMatchTheOneWithTheLatestDateIsUsed)
{
    for (const bool newer_first : {false, true}) {
        SCOPED_TRACE(newer_first);
        scenario s;
        auto& page = s.origin().page("/a");
        s.start();
        page.answer([&](const http_request& r) {
            const bool by_kind = r.header("X-Size") == "none";
            const bool newer = by_kind == newer_first;
            return plain_answer({{"Cache-Control", "max-age=600"}, {"Vary", by_kind ? "X-Kind" : "X-Size"},
                                 {"Date", s.date(newer ? 5s : 20s)}}, by_kind ? "by kind" : "by size");
        });
        s.get("/a", {{"X-Kind", "red"}, {"X-Size", "none"}}).expect_body("by kind");
        s.get("/a", {{"X-Kind", "blue"}, {"X-Size", "big"}}).expect_body("by size");
        for (int i = 0; i < 2; ++i) {
            s.get("/a", {{"X-Kind", "red"}, {"X-Size", "big"}}).expect_body(newer_first ? "by kind" : "by size").expect_cache("hit; detail=l1");
        }
    }
}

TEST(Vary, AnAnswerThatDoesNotVaryStandsBesideThoseThatDo)
{
    scenario s;
    auto& page = s.origin().page("/a");
    s.start();
    page.answer([&](const http_request& r) {
        const std::string kind = r.header("X-Kind").value_or("none");
        header_list fields = {{"Cache-Control", "max-age=600"}, {"Date", s.date(kind == "none" ? 20s : 5s)}};
        if (kind != "none") { fields.emplace_back("Vary", "X-Kind"); }
        return plain_answer(fields, "for " + kind);
    });
    s.get("/a", {{"X-Kind", "red"}}).expect_body("for red").expect_cache("fwd=uri-miss; stored");
    s.get("/a").expect_body("for none").expect_cache("fwd=vary-miss; stored");
    s.get("/a", {{"X-Kind", "red"}}).expect_body("for red").expect_cache("hit; detail=l1");   // both match, it is newer
    s.get("/a", {{"X-Kind", "blue"}}).expect_body("for none").expect_cache("hit; detail=l1");
    EXPECT_EQ(page.requests(), 2);
}

TEST(Vary, A304MayChangeWhatSelects)
{
    scenario s;
    auto& page = s.origin().page("/a");
    echo_field(page, "X-Kind", "max-age=10", "X-Kind");
    s.start();
    s.get("/a", {{"X-Kind", "red"}, {"X-Size", "big"}}).expect_body("for red");
    s.advance(11s);
    page.answer([](const http_request&) {
        return std::string("HTTP/1.1 304 Not Modified\r\nCache-Control: max-age=60\r\nVary: X-Size\r\nETag: \"red\"\r\n\r\n");
    });
    s.get("/a", {{"X-Kind", "red"}, {"X-Size", "big"}}).expect_body("for red").expect_header("Vary", "X-Size");
    s.get("/a", {{"X-Kind", "blue"}, {"X-Size", "big"}}).expect_body("for red").expect_cache("hit; detail=l1");
    echo_field(page, "X-Size", "max-age=60", "X-Size");
    s.get("/a", {{"X-Kind", "red"}, {"X-Size", "small"}}).expect_body("for small").expect_cache("fwd=vary-miss; stored");
    EXPECT_EQ(page.requests(), 3);
}

TEST(Vary, ValuesThatTheProxyWritesCountAsTheOriginGetsThem)
{
    scenario s;   // the client is not a trusted proxy
    auto& page = s.origin().page("/a");
    echo_field(page, "X-Forwarded-For", "max-age=60", "X-Forwarded-For, X-Forwarded-Host, TE, Forwarded");
    s.start();
    s.get("/a", {{"X-Forwarded-For", "192.0.2.1"}}).expect_body("for 127.0.0.1").expect_cache("fwd=uri-miss; stored");
    s.get("/a", {{"X-Forwarded-For", "192.0.2.2"}, {"X-Forwarded-Host", "evil.test"}, {"Connection", "TE"}, {"TE", "trailers"},
                 {"Forwarded", "for=192.0.2.3"}})
        .expect_body("for 127.0.0.1")
        .expect_cache("hit; detail=l1");
    EXPECT_EQ(page.requests(), 1);
}

TEST(Vary, WhatATrustedProxySaysOfItsClientSelects)
{
    scenario s;
    s.configure("{ server: { trusted_proxies: [ 127.0.0.0/8 ] } }");
    auto& page = s.origin().page("/a");
    echo_field(page, "X-Forwarded-For", "max-age=60", "X-Forwarded-For");
    s.start();
    s.get("/a", {{"X-Forwarded-For", "192.0.2.1"}}).expect_body("for 192.0.2.1, 127.0.0.1");
    s.get("/a", {{"X-Forwarded-For", "192.0.2.2"}}).expect_body("for 192.0.2.2, 127.0.0.1").expect_cache("fwd=vary-miss; stored");
    s.get("/a", {{"X-Forwarded-For", "192.0.2.1"}}).expect_body("for 192.0.2.1, 127.0.0.1").expect_cache("hit; detail=l1");
}

TEST(Vary, SixtyFourVariantsAreKeptAndMoreArePassedOn)
{
    scenario s;
    s.set("routes.0.stale.if_unreachable", "0s");   // an answer is over when it is not fresh any more
    auto& page = s.origin().page("/a");
    page.answer([](const http_request& r) {
        return plain_answer({{"Cache-Control", "max-age=60"}, {"Vary", "X-Kind"}}, "for " + r.header("X-Kind").value_or("none"));
    });
    s.start();
    const auto ask = [&](int kind) { return s.get("/a", {{"X-Kind", std::to_string(kind)}}); };
    for (int kind = 0; kind < 64; ++kind) {
        ask(kind).expect_body("for " + std::to_string(kind));
    }
    for (int i = 0; i < 2; ++i) {
        ask(64 + i).expect_body("for " + std::to_string(64 + i)).expect_cache("fwd=vary-miss; detail=variants");
        ask(64).expect_body("for 64").expect_cache("fwd=vary-miss; detail=variants");
    }
    for (int kind = 0; kind < 64; ++kind) {
        ask(kind).expect_body("for " + std::to_string(kind)).expect_cache("hit; detail=l1");
    }
    EXPECT_EQ(page.requests(), 68);
    s.expect_metric(4, "uncacheable_total", {{"reason", "variants"}});
    s.advance(61s);
    ask(64).expect_cache("fwd=vary-miss; stored");   // the others are over
    ask(64).expect_cache("hit; detail=l1");
}

TEST(Vary, TooManyVariantsDoNotHoldUpAnybody)
{
    scenario s;
    auto& page = s.origin().page("/a");
    echo_field(page, "X-Kind", "max-age=60", "X-Kind");
    s.start();
    for (int kind = 0; kind < 64; ++kind) {
        s.get("/a", {{"X-Kind", std::to_string(kind)}});
    }
    page.hold();
    auto one = s.begin_get("/a", {{"X-Kind", "one"}});
    auto two = s.begin_get("/a", {{"X-Kind", "two"}});
    ASSERT_TRUE(page.wait_for_requests(66));
    page.release();
    one.get().expect_body("for one");
    two.get().expect_body("for two");
}

TEST(Vary, AnOriginThatStopsVaryingIsFollowed)
{
    scenario s;
    auto& page = s.origin().page("/a");
    echo_field(page, "X-Kind", "max-age=60", "X-Kind");
    s.start();
    s.get("/a", {{"X-Kind", "red"}});
    page.answer({}).cache_control("max-age=60").body("for all");
    s.get("/a", {{"X-Kind", "blue"}}).expect_body("for all").expect_cache("fwd=vary-miss; stored");
    s.get("/a", {{"X-Kind", "green"}}).expect_body("for all").expect_cache("hit; detail=l1");
    EXPECT_EQ(page.requests(), 2);
}

TEST(Vary, AnAnswerThatIsStillArrivingIsSharedByThoseWhomItFits)
{
    scenario s;
    manual_origin by_hand;
    s.set("origins.shop.endpoints", "[ '" + by_hand.url() + "' ]");
    s.start();
    auto first = s.begin_get("/a", {{"X-Kind", "red"}});
    byte_stream link = by_hand.accept();
    by_hand.read(link);
    auto second = s.begin_get("/a", {{"X-Kind", "red"}});
    s.wait_for_waiters(1);
    link.send("HTTP/1.1 200 OK\r\nCache-Control: max-age=60\r\nVary: X-Kind\r\nContent-Length: 8\r\n\r\nhalf");
    link.send("half");
    first.get().expect_body("halfhalf").expect_cache("fwd=uri-miss; stored");
    second.get().expect_body("halfhalf").expect_cache("fwd=uri-miss; stored; collapsed");
    s.get("/a", {{"X-Kind", "red"}}).expect_body("halfhalf").expect_cache("hit; detail=l1");
}

TEST(Vary, AnAnswerThatIsStillArrivingReachesItsClientPieceByPiece)
{
    scenario s;
    manual_origin by_hand;
    s.set("origins.shop.endpoints", "[ '" + by_hand.url() + "' ]");
    s.start();
    raw_client c = s.client();
    c.send("GET /a HTTP/1.1\r\nHost: shop.test\r\nX-Kind: red\r\n\r\n");
    byte_stream link = by_hand.accept();
    by_hand.read(link);
    link.send("HTTP/1.1 200 OK\r\nCache-Control: max-age=60\r\nVary: X-Kind\r\nContent-Length: 8\r\n\r\nhalf");
    read_through(c, "\r\n\r\nhalf");   // times out when the proxy waits for the rest, or asks again
    link.send("rest");
    EXPECT_EQ(c.read_exactly(4), "rest");
}

TEST(Vary, WaitersGetOnlyTheirOwnVariant)
{
    scenario s;
    auto& page = s.origin().page("/a");
    echo_field(page, "X-Kind", "max-age=60", "X-Kind");
    page.hold();
    s.start();
    auto red = s.begin_get("/a", {{"X-Kind", "red"}});
    ASSERT_TRUE(page.wait_for_requests(1));
    auto also_red = s.begin_get("/a", {{"X-Kind", "red"}});
    auto blue = s.begin_get("/a", {{"X-Kind", "blue"}});
    s.wait_for_waiters(2);
    page.release();
    red.get().expect_body("for red");
    also_red.get().expect_body("for red");
    blue.get().expect_body("for blue");
    EXPECT_EQ(page.requests(), 2);
}

}  // namespace
}  // namespace tiercel::test
