#include "scenario.hpp"

#include <algorithm>
#include <string>

namespace tiercel::test {
namespace {

constexpr std::string_view alphabet = "abcdefghijklmnopqrstuvwxyz";

std::string numbered(std::size_t size)
{
    std::string out(size, ' ');
    for (std::size_t i = 0; i < size; ++i) {
        out[i] = static_cast<char>('a' + (i * 7 + i / 251) % 26);
    }
    return out;
}

// A stored whole answer of 26 letters, with a strong tag.
class StoredWhole : public ::testing::Test {
protected:
    StoredWhole()
    {
        page.cache_control("max-age=60").etag("\"one\"").header("Content-Type", "text/plain").header("X-Kept", "yes").body(std::string(alphabet));
        s.start();
        s.get("/a").expect_body(alphabet);
    }
    ~StoredWhole() override { EXPECT_EQ(page.requests(), 1); }   // everything else comes from the store

    answer get(std::string_view range, header_list more = {}) const
    {
        more.emplace_back("Range", range);
        return s.get("/a", more);
    }

    scenario s;
    origin_page& page = s.origin().page("/a");
};

TEST_F(StoredWhole, AnswersARangeWithAllItsFields)
{
    s.advance(7s);
    get("bytes=2-5").expect_status(206).expect_body("cdef").expect_cache("hit; detail=l1").expect_ttl(53)
        .expect_header("Content-Range", "bytes 2-5/26").expect_header("Content-Length", "4").expect_header("X-Kept", "yes")
        .expect_header("ETag", "\"one\"").expect_header("Content-Type", "text/plain").expect_header("Age", "7")
        .expect_header("Cache-Control", "max-age=60");
    get("bytes=23-").expect_status(206).expect_body("xyz").expect_header("Content-Range", "bytes 23-25/26");
    get("bytes=-2").expect_status(206).expect_body("yz").expect_header("Content-Range", "bytes 24-25/26");
    get("bytes=20-99").expect_status(206).expect_body("uvwxyz").expect_header("Content-Range", "bytes 20-25/26");
    get("bytes=0-").expect_status(206).expect_body(alphabet).expect_header("Content-Range", "bytes 0-25/26");
}

TEST_F(StoredWhole, AnswersTheWholeWhereARangeDoesNotCount)
{
    for (const char* range : {"lines=0-1", "bytes=5-4", "bytes=", "bytes=0-1,2", "bytes=0-9,5-14,8-20"}) {
        get(range).expect_status(200).expect_body(alphabet).expect_no_header("Content-Range").expect_cache("hit; detail=l1");
    }
    s.head("/a", {{"Range", "bytes=0-1"}}).expect_status(200).expect_header("Content-Length", "26").expect_no_header("Content-Range");
    s.get("/a").expect_status(200).expect_body(alphabet).expect_no_header("Content-Range");
}

TEST_F(StoredWhole, TellsItsLengthWhenNoneOfTheBytesAreThere)
{
    for (const char* range : {"bytes=26-", "bytes=30-40", "bytes=-0", "bytes=26-,99-"}) {
        get(range).expect_status(416).expect_body("").expect_header("Content-Range", "bytes */26").expect_header("Content-Length", "0")
            .expect_header("Cache-Control", "no-store").expect_cache("hit; detail=l1");
    }
}

TEST_F(StoredWhole, AnswersSeveralRangesAsMultipart)
{
    const answer a = get("bytes=0-2,20-21,-1");
    a.expect_status(206).expect_no_header("Content-Range").expect_header("ETag", "\"one\"").expect_cache("hit; detail=l1");
    const std::string type = a.header("Content-Type").value_or("");
    const std::string prefix = "multipart/byteranges; boundary=";
    ASSERT_TRUE(type.starts_with(prefix)) << type;
    const std::string boundary = type.substr(prefix.size());
    EXPECT_EQ(boundary.size(), 32u);
    const auto part = [&](const std::string& range, const std::string& bytes) {
        return "--" + boundary + "\r\nContent-Type: text/plain\r\nContent-Range: bytes " + range + "/26\r\n\r\n" + bytes + "\r\n";
    };
    a.expect_body(part("0-2", "abc") + part("20-21", "uv") + part("25-25", "z") + "--" + boundary + "--\r\n");
    EXPECT_NE(get("bytes=0-2,20-21").header("Content-Type"), type);   // boundaries are not to be foreseen
}

TEST_F(StoredWhole, SendsNoByteTwice)
{
    for (const char* all : {"bytes=0-,0-", "bytes=0-25,-26", "bytes=13-,0-12", "bytes=0-9,20-25,10-19"}) {
        get(all).expect_status(206).expect_body(alphabet).expect_header("Content-Range", "bytes 0-25/26").expect_header("Content-Type", "text/plain");
    }
    get("bytes=4-7,2-5").expect_status(206).expect_body("cdefgh").expect_header("Content-Range", "bytes 2-7/26");
    std::string every = "bytes=0-0";   // as many small ones as are heeded
    for (int i = 1; i < 26; ++i) { every += "," + std::to_string(i) + "-" + std::to_string(i); }
    get(every).expect_status(206).expect_body(alphabet).expect_header("Content-Range", "bytes 0-25/26");
}

TEST_F(StoredWhole, OfSeveralRangesOnlyThoseThatAreThereAreSent)
{
    get("bytes=3-4,26-30").expect_status(206).expect_body("de").expect_header("Content-Range", "bytes 3-4/26")
        .expect_header("Content-Type", "text/plain");
}

TEST_F(StoredWhole, IfRangeDecidesBetweenThePartAndTheWhole)
{
    get("bytes=0-1", {{"If-Range", "\"one\""}}).expect_status(206).expect_body("ab");
    get("bytes=0-1", {{"If-Range", "\"two\""}}).expect_status(200).expect_body(alphabet);
    get("bytes=0-1", {{"If-Range", "W/\"one\""}}).expect_status(200).expect_body(alphabet);
    get("bytes=99-", {{"If-Range", "\"two\""}}).expect_status(200).expect_body(alphabet);
    s.get("/a", {{"If-Range", "\"two\""}}).expect_status(200).expect_body(alphabet);
}

TEST_F(StoredWhole, OtherConditionsComeBeforeTheRange)
{
    get("bytes=0-1", {{"If-None-Match", "\"one\""}}).expect_status(304).expect_body("").expect_no_header("Content-Range");
    get("bytes=0-1", {{"If-None-Match", "\"two\""}}).expect_status(206).expect_body("ab");
    get("bytes=99-", {{"If-None-Match", "\"one\""}}).expect_status(304);
    get("bytes=0-1", {{"If-None-Match", "\"two\""}, {"If-Range", "\"two\""}}).expect_status(200).expect_body(alphabet);
}

TEST_F(StoredWhole, RangesOfOneConnectionFollowEachOther)
{
    raw_client c = s.client();
    c.send("GET /a HTTP/1.1\r\nHost: shop.test\r\nRange: bytes=0-1\r\n\r\n"
           "GET /a HTTP/1.1\r\nHost: shop.test\r\nRange: bytes=26-\r\n\r\n"
           "GET /a HTTP/1.1\r\nHost: shop.test\r\nRange: bytes=0-0,2-2\r\n\r\n"
           "GET /a HTTP/1.1\r\nHost: shop.test\r\n\r\n");
    EXPECT_EQ(c.read_response().body, "ab");
    EXPECT_EQ(c.read_response().status, 416);
    EXPECT_EQ(c.read_response().status, 206);
    EXPECT_EQ(c.read_response().body, alphabet);
}

TEST_F(StoredWhole, RangesAreCountedAsHits)
{
    get("bytes=0-1");
    s.expect_metric(1, "requests_total", {{"route", "all"}, {"outcome", "hit_l1"}});
}

// By Last-Modified, where the tag is weak or missing (RFC 9110 §8.8.2.2).
TEST(Range, IfRangeTakesADateThatIsStrong)
{
    scenario s;
    const std::string modified = "Tue, 14 Nov 2023 22:13:20 GMT";
    s.origin().page("/a").cache_control("max-age=60").header("Last-Modified", modified).body("0123456789");
    s.start();
    s.get("/a");
    const auto get = [&](const std::string& since) { return s.get("/a", {{"Range", "bytes=0-1"}, {"If-Range", since}}); };
    get(modified).expect_status(206).expect_body("01");
    get("Tue, 14 Nov 2023 22:13:21 GMT").expect_status(200).expect_body("0123456789");
    get("Tue, 14 Nov 2023 22:13:19 GMT").expect_status(200).expect_body("0123456789");
}

// Chunks of stored content hold 32 KiB, the first one of an answer of unknown length less.
TEST(Range, BytesAreFoundAcrossTheBordersOfChunks)
{
    scenario s;
    s.start();
    const std::string all = numbered(300'000);
    for (const bool chunked : {false, true}) {
        const std::string target = chunked ? "/chunked" : "/length";
        s.origin().page(target).cache_control("max-age=60").body(all).chunked(chunked);
        s.get(target).expect_body(all);
        for (const std::size_t border : {4096u, 32'768u, 65'536u, 131'072u, 262'144u, 299'999u}) {
            for (const std::size_t size : {1u, 2u, 3u, 40'000u, 100'000u}) {
                const std::size_t first = border - std::min<std::size_t>(border, size / 2);
                const std::string range = "bytes=" + std::to_string(first) + "-" + std::to_string(first + size - 1);
                s.get(target, {{"Range", range}}).expect_status(206).expect_body(std::string_view(all).substr(first, size));
            }
        }
    }
}

TEST(Range, EmptyContentHasNoBytesToName)
{
    scenario s;
    s.origin().page("/a").cache_control("max-age=60").body("");
    s.start();
    s.get("/a");
    s.get("/a", {{"Range", "bytes=0-"}}).expect_status(416).expect_header("Content-Range", "bytes */0");
    s.get("/a", {{"Range", "bytes=-5"}}).expect_status(200).expect_body("");
}

TEST(Range, AnErrorIsSentWhole)
{
    scenario s;
    s.origin().page("/a").status(404).body("not here");
    s.start();
    s.get("/a");
    s.get("/a", {{"Range", "bytes=0-1"}}).expect_status(404).expect_body("not here").expect_cache("hit; detail=negative");
}

TEST(Range, AStaleAnswerThatMayBeServedIsServedByRange)
{
    scenario s;
    auto& page = s.origin().page("/a").cache_control("max-age=10, stale-while-revalidate=60").etag("\"one\"").body("0123456789");
    s.start();
    s.get("/a");
    s.advance(15s);
    s.get("/a", {{"Range", "bytes=2-3"}}).expect_status(206).expect_body("23").expect_cache("hit; detail=swr");
    ASSERT_TRUE(page.wait_for_requests(2));
    s.wait_until_quiet();
    EXPECT_FALSE(page.received()[1].has("Range"));   // the refresh is of the whole
    s.get("/a", {{"Range", "bytes=2-3"}}).expect_status(206).expect_body("23").expect_cache("hit; detail=l1");
}

TEST(Range, AStaleAnswerStandsInForAnOriginThatIsAwayByRangeToo)
{
    scenario s;
    s.set("routes.0.stale.if_unreachable", "60s");
    s.origin().page("/a").cache_control("max-age=10").body("0123456789");
    s.start();
    s.get("/a");
    s.advance(15s);
    s.origin().go_down();
    s.get("/a", {{"Range", "bytes=2-3"}}).expect_status(206).expect_body("23").expect_cache("fwd=stale; detail=sie");
}

// ---- expired answers ----

TEST(Range, AnExpiredAnswerIsConfirmedAsAWholeAndAnsweredByRange)
{
    scenario s;
    auto& page = s.origin().page("/a").cache_control("max-age=10").etag("\"one\"").body("0123456789");
    s.start();
    s.get("/a");
    s.advance(15s);
    s.get("/a", {{"Range", "bytes=2-3"}}).expect_status(206).expect_body("23").expect_cache("fwd=stale; stored")
        .expect_header("Content-Range", "bytes 2-3/10");
    ASSERT_EQ(page.requests(), 2);
    EXPECT_EQ(page.received()[1].header("If-None-Match"), "\"one\"");
    EXPECT_FALSE(page.received()[1].has("Range"));
    s.get("/a").expect_body("0123456789").expect_cache("hit; detail=l1");
}

TEST(Range, AnExpiredAnswerThatHasChangedIsReplacedAndAnsweredByRange)
{
    scenario s;
    auto& page = s.origin().page("/a").cache_control("max-age=10").etag("\"one\"").body("0123456789");
    s.start();
    s.get("/a");
    s.advance(15s);
    page.etag("\"two\"").body("abcdefgh");
    s.get("/a", {{"Range", "bytes=2-3"}}).expect_status(206).expect_body("cd").expect_cache("fwd=stale; stored")
        .expect_header("Content-Range", "bytes 2-3/8").expect_header("ETag", "\"two\"");
    s.get("/a", {{"Range", "bytes=2-3"}, {"If-Range", "\"one\""}}).expect_status(200).expect_body("abcdefgh").expect_cache("hit; detail=l1");
}

TEST(Range, AnExpiredAnswerWithoutValidatorIsNotFetchedWholeForARange)
{
    scenario s;
    auto& page = s.origin().page("/a").cache_control("max-age=10").body("0123456789");
    s.start();
    s.get("/a");
    s.advance(15s);
    s.get("/a", {{"Range", "bytes=2-3"}});
    ASSERT_EQ(page.requests(), 2);
    EXPECT_EQ(page.received()[1].header("Range"), "bytes=2-3");
}

// ---- range.fill_whole ----

class FillWhole : public ::testing::Test {
protected:
    FillWhole() { s.set("routes.0.range.fill_whole", "true"); }
    answer get(std::string_view range, header_list more = {}) const
    {
        more.emplace_back("Range", range);
        return s.get("/a", more);
    }

    scenario s;
};

TEST_F(FillWhole, AMissFetchesTheWholeAndAnswersTheRange)
{
    auto& page = s.origin().page("/a").cache_control("max-age=60").etag("\"one\"").body(std::string(alphabet));
    s.start();
    get("bytes=2-5", {{"If-Range", "\"one\""}}).expect_status(206).expect_body("cdef").expect_cache("fwd=uri-miss; stored").expect_ttl(60)
        .expect_header("Content-Range", "bytes 2-5/26").expect_no_header("Age");
    s.get("/a").expect_body(alphabet).expect_cache("hit; detail=l1");
    ASSERT_EQ(page.requests(), 1);
    EXPECT_FALSE(page.received()[0].has("Range"));
    EXPECT_FALSE(page.received()[0].has("If-Range"));
}

TEST_F(FillWhole, ConditionsAndEveryFormOfRangeAreAnsweredAfterAMiss)
{
    s.start();
    int n = 0;
    const auto fresh = [&] {
        const std::string target = "/" + std::to_string(n++);
        s.origin().page(target).cache_control("max-age=60").etag("\"one\"").body(std::string(alphabet));
        return target;
    };
    s.get(fresh(), {{"Range", "bytes=0-1"}, {"If-None-Match", "\"one\""}}).expect_status(304);
    s.get(fresh(), {{"Range", "bytes=0-1"}, {"If-Range", "\"two\""}}).expect_status(200).expect_body(alphabet);
    s.get(fresh(), {{"Range", "bytes=26-"}}).expect_status(416).expect_header("Content-Range", "bytes */26");
    s.get(fresh(), {{"Range", "bytes=0-1,4-5"}}).expect_status(206).expect_no_header("Content-Range");
    s.get(fresh(), {{"Range", "bytes=oops"}}).expect_status(200).expect_body(alphabet);
}

TEST_F(FillWhole, RequestsForDifferentRangesShareOneFetch)
{
    auto& page = s.origin().page("/a").cache_control("max-age=60").body(std::string(alphabet)).hold();
    s.start();
    auto first = s.begin_get("/a", {{"Range", "bytes=0-1"}});
    ASSERT_TRUE(page.wait_for_requests(1));
    auto second = s.begin_get("/a", {{"Range", "bytes=-2"}});
    auto third = s.begin_get("/a");
    s.wait_for_waiters(2);
    page.release();
    first.get().expect_status(206).expect_body("ab").expect_cache("fwd=uri-miss; stored");
    second.get().expect_status(206).expect_body("yz").expect_cache("fwd=uri-miss; stored; collapsed");
    third.get().expect_status(200).expect_body(alphabet);
    EXPECT_EQ(page.requests(), 1);
}

TEST_F(FillWhole, ContentOfUnknownLengthIsAwaited)
{
    const std::string all = numbered(200'000);
    s.origin().page("/a").cache_control("max-age=60").chunked().body(all);
    s.start();
    get("bytes=150000-").expect_status(206).expect_body(std::string_view(all).substr(150'000)).expect_cache("fwd=uri-miss; stored");
}

// More than the memory may hold: passed on at the pace of its readers, also of those whose bytes are far ahead.
TEST_F(FillWhole, ARangeOfWhatTurnsOutTooLargeIsSentAllTheSame)
{
    s.set("cache.l1.max_bytes", "1MiB").set("cache.l1.max_object", "1MiB");   // a quarter of it for what is unfinished
    const std::string all = numbered(1'000'000);
    s.origin().page("/a").cache_control("max-age=60").body(all);
    s.start();
    get("bytes=900000-").expect_status(206).expect_body(std::string_view(all).substr(900'000));
    s.wait_until_quiet();
    EXPECT_EQ(s.metric("l1_entries"), 0);
}

TEST_F(FillWhole, AReaderWhoseBytesAreFarAheadDoesNotHoldUpWhatIsNotKept)
{
    manual_origin by_hand;
    s.set("origins.shop.endpoints", "[ '" + by_hand.url() + "' ]");
    s.set("cache.l1.max_bytes", "1MiB").set("cache.l1.max_object", "1MiB");
    s.start();
    const std::string all = numbered(1'000'000);
    raw_client c = s.client();
    c.send("GET /a HTTP/1.1\r\nHost: shop.test\r\nRange: bytes=900000-\r\n\r\n");
    byte_stream link = by_hand.accept();
    by_hand.read(link);
    link.send("HTTP/1.1 200 OK\r\nCache-Control: max-age=60\r\nContent-Length: 1000000\r\n\r\n" + all.substr(0, 400'000));
    s.expect_metric(1, "uncacheable_total", {{"reason", "too-large"}});
    for (std::size_t at = 400'000; at < all.size(); at += 50'000) {
        link.send(all.substr(at, 50'000));
    }
    EXPECT_EQ(c.read_response().body, all.substr(900'000));
}

TEST_F(FillWhole, WhatMayNotBeStoredIsAskedForByRange)
{
    auto& page = s.origin().page("/a").cache_control("no-store").answer([](const http_request& r) {
        return r.has("Range") ? plain_answer({{"Cache-Control", "no-store"}, {"Content-Range", "bytes 2-3/10"}}, "23", 206)
                              : plain_answer({{"Cache-Control", "no-store"}}, "0123456789");
    });
    s.start();
    get("bytes=2-3").expect_status(206).expect_body("23");
    get("bytes=2-3").expect_status(206).expect_body("23");
    EXPECT_EQ(page.requests(), 3);   // the first told that it may not be stored, and left a mark
}

TEST_F(FillWhole, AnErrorIsPassedOnAsItIs)
{
    auto& page = s.origin().page("/a").status(403).body("no");
    s.start();
    get("bytes=0-1").expect_status(403).expect_body("no");
    EXPECT_EQ(page.requests(), 1);
}

TEST_F(FillWhole, AnUnaskedPartIsNotTakenForTheWhole)
{
    auto& page = s.origin().page("/a").raw(plain_answer({{"Cache-Control", "max-age=60"}, {"Content-Range", "bytes 0-1/10"}}, "01", 206));
    s.start();
    get("bytes=5-6");
    s.wait_until_quiet();
    s.get("/a");
    EXPECT_EQ(page.requests(), 2);
}

class FillWholeByHand : public FillWhole {
protected:
    FillWholeByHand()
    {
        s.set("origins.shop.endpoints", "[ '" + by_hand.url() + "' ]");
        s.start();
    }
    void ask(raw_client& c, std::string_view range) { c.send("GET /a HTTP/1.1\r\nHost: shop.test\r\nRange: " + std::string(range) + "\r\n\r\n"); }

    manual_origin by_hand;
};

TEST_F(FillWholeByHand, ARangeIsSentWhileTheRestIsStillArriving)
{
    raw_client first = s.client();
    ask(first, "bytes=2-6");
    byte_stream link = by_hand.accept();
    by_hand.read(link);
    link.send("HTTP/1.1 200 OK\r\nCache-Control: max-age=60\r\nContent-Length: 12\r\nETag: \"e\"\r\n\r\none-");
    const std::string head = read_through(first, "\r\n\r\ne-");
    EXPECT_TRUE(head.starts_with("HTTP/1.1 206 Partial Content\r\n"));
    EXPECT_NE(head.find("Content-Range: bytes 2-6/12\r\n"), std::string::npos);
    EXPECT_NE(head.find("Content-Length: 5\r\n"), std::string::npos);
    raw_client second = s.client();
    ask(second, "bytes=8-9");           // joins, and has to wait for its bytes
    read_through(second, "\r\n\r\n");
    link.send("two-");
    EXPECT_EQ(first.read_exactly(3), "two");
    first.send("GET /b HTTP/1.1\r\nHost: shop.test\r\n\r\n");   // it has all that it wanted
    byte_stream other = by_hand.accept();
    by_hand.read(other);
    other.send(plain_answer({}, "b"));
    EXPECT_EQ(first.read_response().body, "b");
    link.send("end.");
    EXPECT_EQ(second.read_exactly(2), "en");
    s.wait_until_quiet();
    s.get("/a").expect_body("one-two-end.").expect_cache("hit; detail=l1");
}

TEST_F(FillWholeByHand, ABrokenFetchBreaksTheRangeVisibly)
{
    raw_client c = s.client();
    ask(c, "bytes=2-9");
    byte_stream link = by_hand.accept();
    by_hand.read(link);
    link.send("HTTP/1.1 200 OK\r\nCache-Control: max-age=60\r\nContent-Length: 12\r\n\r\none-");
    read_through(c, "\r\n\r\ne-");
    link.close();
    EXPECT_EQ(c.read_to_end(), "");
}

TEST_F(FillWholeByHand, ARangeThatHasAllItsBytesEndsWellThoughTheFetchBreaks)
{
    raw_client c = s.client();
    ask(c, "bytes=0-3");
    byte_stream link = by_hand.accept();
    by_hand.read(link);
    link.send("HTTP/1.1 200 OK\r\nCache-Control: max-age=60\r\nContent-Length: 12\r\n\r\none-");
    EXPECT_EQ(c.read_response().body, "one-");
    link.close();
    s.wait_until_quiet();
    EXPECT_EQ(s.metric("l1_entries"), 0);
}

class TooLargeByHand : public FillWhole {
protected:
    manual_origin by_hand;
};

TEST_F(TooLargeByHand, ARangeFarAheadDoesNotStopTheFetchThatItWaitsFor)
{
    s.set("cache.l1.max_bytes", "1MiB").set("cache.l1.max_object", "1MiB");
    s.set("origins.shop.endpoints", "[ '" + by_hand.url() + "' ]");
    s.start();
    raw_client c = s.client();
    c.send("GET /a HTTP/1.1\r\nHost: shop.test\r\nRange: bytes=900000-\r\n\r\n");
    byte_stream link = by_hand.accept();
    by_hand.read(link);
    const std::string all = numbered(1'000'000);
    link.send("HTTP/1.1 200 OK\r\nCache-Control: max-age=60\r\nContent-Length: 1000000\r\n\r\n");
    link.send(std::string_view(all).substr(0, 400'000));
    read_through(c, "\r\n\r\n");
    s.expect_metric(1, "uncacheable_total", {{"reason", "too-large"}});   // from here on readers set the pace
    for (std::size_t at = 400'000; at < all.size(); at += 100'000) {
        link.send(std::string_view(all).substr(at, 100'000));
    }
    EXPECT_EQ(c.read_exactly(100'000), std::string_view(all).substr(900'000));
}

}  // namespace
}  // namespace tiercel::test
