#include "range_origin.hpp"

namespace tiercel::test {
namespace {

constexpr std::string_view alphabet = "abcdefghijklmnopqrstuvwxyz";
const std::string modified = "Tue, 14 Nov 2023 22:13:20 GMT";

// Answers to ranges, stored as what they are: parts (RFC 9111 §3.3).
class Parts : public ::testing::Test {
protected:
    Parts() { serve(std::string(alphabet), "\"one\""); }
    // From here on the origin has that.
    void serve(std::string all, std::string etag, header_list fields = {{"Cache-Control", "max-age=60"}})
    {
        page.answer([all = std::move(all), etag = std::move(etag), fields = std::move(fields)](const http_request& r) {
            return answer_range(r, all, etag, fields);
        });
    }
    // From here on it answers with these bytes, whatever it is asked.
    void serve_raw(const header_list& fields, std::string_view body, int status = 206)
    {
        page.answer(nullptr).raw(plain_answer(fields, body, status));
    }

    answer get(std::string_view range, header_list more = {}) const
    {
        more.emplace_back("Range", range);
        return s.get("/a", more);
    }
    // The last request that reached the origin.
    http_request last() const { return page.received().back(); }

    scenario s;
    origin_page& page = s.origin().page("/a");
};

constexpr const char* miss = "fwd=uri-miss; stored; detail=partial";
constexpr const char* part_miss = "fwd=partial; stored; detail=partial";
constexpr const char* hit = "hit; detail=partial";

TEST_F(Parts, AMissForwardsTheRangeAndStoresWhatCameBack)
{
    s.start();
    get("bytes=2-5", {{"If-Range", "\"one\""}}).expect_status(206).expect_body("cdef").expect_cache(miss)
        .expect_header("Content-Range", "bytes 2-5/26");
    EXPECT_EQ(last().header("Range"), "bytes=2-5");
    EXPECT_EQ(last().header("If-Range"), "\"one\"");
    s.advance(7s);
    get("bytes=2-5").expect_status(206).expect_body("cdef").expect_cache(hit).expect_ttl(53).expect_header("Content-Range", "bytes 2-5/26")
        .expect_header("Age", "7").expect_header("ETag", "\"one\"").expect_header("Content-Length", "4");
    EXPECT_EQ(page.requests(), 1);
}

TEST_F(Parts, AnswerRangesThatLieInThem)
{
    s.start();
    get("bytes=10-");
    get("bytes=10-12").expect_body("klm").expect_cache(hit).expect_header("Content-Range", "bytes 10-12/26");
    get("bytes=24-").expect_body("yz").expect_cache(hit).expect_header("Content-Range", "bytes 24-25/26");
    get("bytes=-3").expect_body("xyz").expect_cache(hit).expect_header("Content-Range", "bytes 23-25/26");
    get("bytes=20-99").expect_body("uvwxyz").expect_cache(hit).expect_header("Content-Range", "bytes 20-25/26");
    get("bytes=10-11,24-25").expect_status(206).expect_cache(hit).expect_no_header("Content-Range");
    EXPECT_EQ(page.requests(), 1);
}

TEST_F(Parts, DoNotAnswerWhatLiesOutside)
{
    serve(std::string(alphabet), "W/\"one\"");   // nor can these be joined
    s.start();
    get("bytes=10-19");
    int requests = 1;
    for (const auto& [range, body] : {std::pair("bytes=9-10", "jk"), std::pair("bytes=19-20", "tu"), std::pair("bytes=0-1", "ab"),
                                      std::pair("bytes=-1", "z"), std::pair("bytes=24-", "yz")}) {
        get(range).expect_status(206).expect_body(body).expect_cache(part_miss);
        EXPECT_EQ(page.requests(), ++requests) << range;
        EXPECT_EQ(last().header("Range"), range);
    }
    get("bytes=26-").expect_status(416).expect_cache("fwd=partial; detail=status");
    get("bytes=10-11,0-30").expect_status(200).expect_body(alphabet);
}

TEST_F(Parts, NeverAnswerARequestForTheWhole)
{
    s.start();
    get("bytes=0-").expect_body(alphabet).expect_cache(miss);   // all of it, but a part
    s.get("/a").expect_status(200).expect_body(alphabet).expect_cache("fwd=uri-miss; stored");
    s.head("/a").expect_status(200);
    EXPECT_EQ(page.requests(), 2);
}

TEST_F(Parts, AWholeAnswerTakesTheirPlace)
{
    s.start();
    get("bytes=2-5");
    s.get("/a");
    get("bytes=2-5").expect_body("cdef").expect_cache("hit; detail=l1");
    EXPECT_EQ(page.requests(), 2);
}

// The whole was fetched later and expired earlier: what it says about the state of the resource is newer.
TEST_F(Parts, DoNotOutliveANewerWhole)
{
    s.start();
    get("bytes=2-5");
    s.advance(1s);
    serve("ABCDEFGHIJKLMNOPQRSTUVWXYZ", "", {{"Cache-Control", "max-age=5"}});
    s.get("/a");
    s.advance(10s);
    get("bytes=2-5").expect_body("CDEF").expect_cache("fwd=stale; stored; detail=partial");
}

TEST_F(Parts, HoldWhatWasReallyReceived)
{
    s.start();
    serve_raw({{"Cache-Control", "max-age=60"}, {"ETag", "\"one\""}, {"Content-Range", "bytes 4-9/10"}}, "01234");
    get("bytes=4-9").expect_body("01234").expect_cache(miss);
    get("bytes=4-9").expect_body("01234").expect_cache(hit).expect_header("Content-Range", "bytes 4-9/10");   // the very same again
    get("bytes=4-8").expect_body("01234").expect_cache(hit).expect_header("Content-Range", "bytes 4-8/10");
    get("bytes=6-7").expect_body("23").expect_cache(hit).expect_header("Content-Range", "bytes 6-7/10");
    EXPECT_EQ(page.requests(), 1);
    get("bytes=-1").expect_cache(part_miss);     // byte 9 never came
    get("bytes=8-9").expect_cache(part_miss);
}

TEST_F(Parts, RepeatAnAnswerForTheVerySameRangeOnly)
{
    s.start();
    serve_raw({{"Cache-Control", "max-age=60"}, {"Content-Range", "bytes 10-14/*"}}, "klmno");
    get("bytes=-5").expect_body("klmno").expect_cache(miss);
    get("bytes=-5").expect_body("klmno").expect_cache(hit).expect_header("Content-Range", "bytes 10-14/*");
    get("bytes=11-12").expect_body("lm").expect_cache(hit).expect_header("Content-Range", "bytes 11-12/*");
    get("bytes=11-12,14-14").expect_status(206).expect_cache(hit);
    EXPECT_EQ(page.requests(), 1);
    for (const char* range : {"bytes=-3", "bytes=10-", "bytes=10-15"}) {   // nobody knows where the end is
        const int before = page.requests();
        get(range);
        EXPECT_EQ(page.requests(), before + 1) << range;
    }
}

TEST_F(Parts, WhatCannotBeTrustedIsRelayedAndNotStored)
{
    s.start();
    const std::pair<std::string, std::string> fresh{"Cache-Control", "max-age=60"};
    struct row {
        const char* name;
        header_list fields;
        const char* cache;
    };
    const row table[] = {
        {"18.5 no Content-Range", {fresh}, "fwd=uri-miss; detail=partial"},
        {"18.5 malformed", {fresh, {"Content-Range", "bytes 9-4/10"}}, "fwd=uri-miss; detail=partial"},
        {"18.5 more bytes than it says", {fresh, {"Content-Range", "bytes 0-1/10"}}, "fwd=uri-miss; detail=partial"},
        {"18.5 multipart", {fresh, {"Content-Type", "multipart/byteranges; boundary=x"}}, "fwd=uri-miss; detail=partial"},
        {"7.1 no-store", {{"Cache-Control", "no-store"}, {"Content-Range", "bytes 0-4/10"}}, "fwd=uri-miss; detail=no-store"},
        {"7.1 private", {{"Cache-Control", "private"}, {"Content-Range", "bytes 0-4/10"}}, "fwd=uri-miss; detail=private"},
        {"only for validation", {{"Cache-Control", "no-cache"}, {"ETag", "\"a\""}, {"Content-Range", "bytes 0-4/10"}},
         "fwd=uri-miss; detail=no-lifetime"},
    };
    for (const row& r : table) {
        SCOPED_TRACE(r.name);
        serve_raw(r.fields, "01234");
        for (int i = 0; i < 2; ++i) {
            const int before = page.requests();
            get("bytes=0-4").expect_status(206).expect_body("01234").expect_cache(r.cache);
            EXPECT_EQ(page.requests(), before + 1);
        }
    }
}

// Its Content-Range may not be stored, so nobody could tell what it holds.
TEST_F(Parts, APartWhoseRangeIsPrivateIsNotKept)
{
    s.start();
    serve_raw({{"Cache-Control", "max-age=60, private=\"Content-Range\""}, {"Content-Range", "bytes 0-4/10"}}, "01234");
    get("bytes=0-4").expect_body("01234");
    get("bytes=0-4").expect_body("01234");
    EXPECT_EQ(page.requests(), 2);
}

TEST_F(Parts, MoreBytesThanSaidAreNoticedThoughTheyComeInChunks)
{
    s.start();
    page.answer(nullptr).raw("HTTP/1.1 206 Partial Content\r\nCache-Control: max-age=60\r\nContent-Range: bytes 0-3/10\r\nTransfer-Encoding: chunked\r\n\r\n"
             "5\r\n01234\r\n0\r\n\r\n");
    for (int i = 1; i <= 2; ++i) {
        get("bytes=0-3").expect_status(206).expect_body("01234");
        EXPECT_EQ(page.requests(), i);
    }
    page.answer(nullptr).raw("HTTP/1.1 206 Partial Content\r\nCache-Control: max-age=60\r\nContent-Range: bytes 0-3/10\r\nTransfer-Encoding: chunked\r\n\r\n"
             "3\r\n012\r\n0\r\n\r\n");
    get("bytes=0-3").expect_body("012");
    get("bytes=1-2").expect_body("12").expect_cache(hit);
    get("bytes=1-3").expect_cache(part_miss);
}

TEST_F(Parts, ATruncatedPartIsNotStoredAndEndsVisibly)
{
    s.start();
    page.answer(nullptr).raw("HTTP/1.1 206 Partial Content\r\nCache-Control: max-age=60\r\nContent-Range: bytes 0-9/10\r\nContent-Length: 10\r\n\r\n01234")
        .fault(origin_fault::close_after_answer);
    raw_client c = s.client();
    c.send("GET /a HTTP/1.1\r\nHost: shop.test\r\nRange: bytes=0-9\r\n\r\n");
    EXPECT_TRUE(c.read_to_end().ends_with("\r\n\r\n01234"));
    page.fault(origin_fault::none);
    serve("0123456789", "");
    get("bytes=0-1").expect_body("01").expect_cache(miss);
}

TEST_F(Parts, AnUnaskedPartIsRelayedAndNotStored)
{
    s.start();
    serve_raw({{"Cache-Control", "max-age=60"}, {"Content-Range", "bytes 0-4/10"}}, "01234");
    s.get("/a").expect_status(206).expect_body("01234").expect_cache("fwd=uri-miss; detail=partial");
    serve("0123456789", "");
    get("bytes=0-4").expect_cache("fwd=uri-miss; stored; detail=partial");
    s.get("/a").expect_status(200).expect_body("0123456789");
}

TEST_F(Parts, ExpireAndAreNotServedStale)
{
    serve(std::string(alphabet), "\"one\"", {{"Cache-Control", "max-age=10, stale-while-revalidate=60, stale-if-error=60"}});
    s.start();
    get("bytes=2-5");
    s.advance(9s);
    get("bytes=2-5").expect_cache(hit);
    s.advance(1s);
    get("bytes=2-5").expect_body("cdef").expect_cache(miss);
    EXPECT_EQ(page.requests(), 2);
    s.advance(10s);
    s.expire();
    EXPECT_EQ(s.metric("l1_entries"), 0);
}

TEST_F(Parts, IfRangeIsComparedWithTheirOwnTag)
{
    s.start();
    get("bytes=2-5");
    get("bytes=2-3", {{"If-Range", "\"one\""}}).expect_status(206).expect_body("cd").expect_cache(hit);
    get("bytes=2-5", {{"If-Range", "\"one\""}}).expect_status(206).expect_body("cdef").expect_cache(hit);
    EXPECT_EQ(page.requests(), 1);
    // Another state: all of it, from the origin, and then kept.
    get("bytes=2-5", {{"If-Range", "\"two\""}}).expect_status(200).expect_body(alphabet).expect_cache("fwd=uri-miss; stored; detail=range");
    EXPECT_EQ(last().header("If-Range"), "\"two\"");
    s.get("/a").expect_body(alphabet).expect_cache("hit; detail=l1");
}

TEST_F(Parts, IfRangeIsComparedWithTheirOwnDate)
{
    serve(std::string(alphabet), "", {{"Cache-Control", "max-age=60"}, {"Last-Modified", modified}});
    s.start();
    get("bytes=2-5");
    get("bytes=2-3", {{"If-Range", modified}}).expect_status(206).expect_body("cd").expect_cache(hit);
    get("bytes=2-3", {{"If-Range", "Tue, 14 Nov 2023 22:13:21 GMT"}}).expect_status(200);
}

TEST_F(Parts, OtherConditionsGoToTheOrigin)
{
    s.start();
    get("bytes=2-5");
    get("bytes=2-5", {{"If-None-Match", "\"one\""}});
    EXPECT_EQ(last().header("If-None-Match"), "\"one\"");
    get("bytes=2-5", {{"If-Modified-Since", modified}});
    get("bytes=2-5", {{"If-Match", "\"one\""}});
    EXPECT_EQ(page.requests(), 4);
}

TEST_F(Parts, BelongToTheVariantThatTheyCameFrom)
{
    page.answer([](const http_request& r) {
        const std::string language = r.header("Accept-Language").value_or("");
        return answer_range(r, language == "de" ? "ABCDEFGHIJKLMNOPQRSTUVWXYZ" : alphabet, "\"" + language + "\"",
                            {{"Cache-Control", "max-age=60"}, {"Vary", "Accept-Language"}});
    });
    s.start();
    const header_list en{{"Accept-Language", "en"}};
    const header_list de{{"Accept-Language", "de"}};
    get("bytes=2-5", en).expect_body("cdef").expect_cache(miss);
    get("bytes=2-5", de).expect_body("CDEF").expect_cache(miss);
    get("bytes=2-5", en).expect_body("cdef").expect_cache(hit);
    get("bytes=2-3", de).expect_body("CD").expect_cache(hit);
    get("bytes=2-3", {{"Accept-Language", "fr"}}).expect_cache(miss);
    get("bytes=2-3").expect_cache(miss);
    s.get("/a", en).expect_status(200).expect_body(alphabet);
    get("bytes=4-4", en).expect_body("e").expect_cache("hit; detail=l1");
    get("bytes=4-4", de).expect_body("E").expect_cache(hit);
}

TEST_F(Parts, BelongToTheirTenant)
{
    s.configure("{ server: { trusted_proxies: [127.0.0.1/32] }, tenancy: { resolvers: [ { kind: header, name: X-Tenant-ID } ] } }");
    page.answer([](const http_request& r) {
        return answer_range(r, r.header("X-Tenant-ID") == "b" ? "ABCDEFGHIJ" : "abcdefghij", "\"one\"", {{"Cache-Control", "max-age=60"}});
    });
    s.start();
    get("bytes=2-5", {{"X-Tenant-ID", "a"}}).expect_body("cdef");
    get("bytes=2-5", {{"X-Tenant-ID", "b"}}).expect_body("CDEF").expect_cache(miss);
    get("bytes=2-5", {{"X-Tenant-ID", "a"}}).expect_body("cdef").expect_cache(hit);
}

TEST_F(Parts, GoWithTheUrlThatIsInvalidated)
{
    s.start();
    get("bytes=2-5");
    s.post("/a", "x").expect_status(200);
    serve("ABCDEFGHIJKLMNOPQRSTUVWXYZ", "\"two\"");
    get("bytes=2-5").expect_body("CDEF").expect_cache(miss);
    get("bytes=2-3").expect_body("CD").expect_cache(hit);
}

TEST_F(Parts, OneThatWasOvertakenByAnInvalidationIsNotStored)
{
    s.start();
    page.hold();
    auto slow = s.begin_get("/a", {{"Range", "bytes=2-5"}});
    ASSERT_TRUE(page.wait_for_requests(1));
    auto post = std::async(std::launch::async, [this] { return s.post("/a", "x").status; });
    ASSERT_TRUE(page.wait_for_requests(2));
    page.release();
    slow.get();
    post.get();
    s.wait_until_quiet();
    get("bytes=2-5");
    EXPECT_GE(page.requests(), 3);
}

TEST_F(Parts, OfAnotherStateTakeThePlaceOfThoseBefore)
{
    s.start();
    get("bytes=0-4");
    serve("ABCDEFGHIJKLMNOPQRSTUVWXYZ", "\"two\"");
    get("bytes=10-14").expect_body("KLMNO").expect_cache(part_miss);
    get("bytes=0-4").expect_body("ABCDE").expect_cache(part_miss);   // not the one of before
    get("bytes=0-4").expect_body("ABCDE").expect_cache(hit);
}

TEST_F(Parts, AreJoinedUnderTheSameStrongTag)
{
    s.start();
    get("bytes=0-9");
    get("bytes=10-19");
    get("bytes=5-14").expect_status(206).expect_body("fghijklmno").expect_cache(hit).expect_header("Content-Range", "bytes 5-14/26")
        .expect_header("Content-Length", "10");
    get("bytes=0-1,9-10,18-19").expect_status(206).expect_cache(hit);
    get("bytes=20-");
    get("bytes=0-").expect_status(206).expect_body(alphabet).expect_cache(hit).expect_header("Content-Range", "bytes 0-25/26");
    EXPECT_EQ(page.requests(), 3);
}

TEST_F(Parts, AreNotJoinedUnderAWeakTagOrNone)
{
    for (const char* tag : {"W/\"one\"", ""}) {
        SCOPED_TRACE(tag);
        scenario own;
        auto& p = own.origin().page("/a").answer([tag](const http_request& r) {
            return answer_range(r, alphabet, tag, {{"Cache-Control", "max-age=60"}});
        });
        own.start();
        const auto ask = [&](const char* range) { return own.get("/a", {{"Range", range}}); };
        ask("bytes=0-9");
        ask("bytes=10-19");
        ask("bytes=5-14").expect_body("fghijklmno").expect_cache(part_miss);
        EXPECT_EQ(p.received().back().header("Range"), "bytes=5-14");
        ask("bytes=10-11").expect_body("kl").expect_cache(hit);   // each alone is as good as ever
        ask("bytes=0-1").expect_body("ab").expect_cache(hit);
    }
}

// ---- completion ----

TEST_F(Parts, OnlyTheMissingBytesAreFetched)
{
    s.start();
    get("bytes=5-9");
    get("bytes=5-14").expect_status(206).expect_body("fghijklmno").expect_cache(part_miss).expect_header("Content-Range", "bytes 5-14/26")
        .expect_header("Content-Length", "10").expect_header("ETag", "\"one\"").expect_no_header("Age");
    EXPECT_EQ(last().header("Range"), "bytes=10-14");
    EXPECT_EQ(last().header("If-Range"), "\"one\"");
    get("bytes=2-9").expect_body("cdefghij").expect_cache(part_miss).expect_header("Content-Range", "bytes 2-9/26");
    EXPECT_EQ(last().header("Range"), "bytes=2-4");
    get("bytes=20-");
    EXPECT_EQ(last().header("Range"), "bytes=20-");   // nothing of it was there
    get("bytes=0-").expect_body(std::string(alphabet)).expect_cache(part_miss);   // two gaps: as it came
    EXPECT_EQ(last().header("Range"), "bytes=0-");
}

TEST_F(Parts, AGapInTheMiddleIsFilledAndThenKnown)
{
    s.start();
    get("bytes=0-9");
    get("bytes=20-25");
    get("bytes=-26", {{"If-Range", "\"one\""}}).expect_status(206).expect_body(alphabet).expect_cache(part_miss)
        .expect_header("Content-Range", "bytes 0-25/26");
    EXPECT_EQ(last().header("Range"), "bytes=10-19");
    const int before = page.requests();
    get("bytes=1-24").expect_body(alphabet.substr(1, 24)).expect_cache(hit);
    EXPECT_EQ(page.requests(), before);
}

TEST_F(Parts, OfAnotherStateAreNotCompleted)
{
    s.start();
    get("bytes=0-9");
    const std::string upper = "ABCDEFGHIJKLMNOPQRSTUVWXYZ";
    serve(upper, "\"two\"");
    get("bytes=5-14").expect_status(206).expect_body("FGHIJKLMNO").expect_header("ETag", "\"two\"").expect_cache(part_miss);
    EXPECT_EQ(last().header("Range"), "bytes=5-14");   // If-Range had given the whole
    EXPECT_FALSE(last().has("If-Range"));
    get("bytes=0-4").expect_body("ABCDE").expect_cache(part_miss);
}

TEST_F(Parts, AreNotCompletedByWhatDoesNotFit)
{
    s.start();
    const std::pair<std::string, std::string> fresh{"Cache-Control", "max-age=60"};
    struct row {
        const char* name;
        header_list fields;
        std::string body;
    };
    const row table[] = {
        {"18.8 another tag", {fresh, {"ETag", "\"two\""}, {"Content-Range", "bytes 10-14/26"}}, "KLMNO"},
        {"18.8 no tag", {fresh, {"Content-Range", "bytes 10-14/26"}}, "KLMNO"},
        {"18.8 another length", {fresh, {"ETag", "\"one\""}, {"Content-Range", "bytes 10-14/27"}}, "KLMNO"},
        {"18.8 other bytes", {fresh, {"ETag", "\"one\""}, {"Content-Range", "bytes 11-15/26"}}, "KLMNO"},
        {"18.8 fewer bytes", {fresh, {"ETag", "\"one\""}, {"Content-Range", "bytes 10-14/26"}}, "KLM"},
        {"18.8 no range", {fresh, {"ETag", "\"one\""}}, "KLMNO"},
    };
    for (const row& r : table) {
        SCOPED_TRACE(r.name);
        serve(std::string(alphabet), "\"one\"");
        s.post("/a", "x");
        get("bytes=0-9").expect_body("abcdefghij");
        page.answer([&r](const http_request& q) {
            return q.header("Range") == "bytes=10-14" ? plain_answer(r.fields, r.body, 206)
                                                      : answer_range(q, "0123456789ABCDEFGHIJ012345", "\"two\"", {{"Cache-Control", "max-age=60"}});
        });
        get("bytes=5-14").expect_status(206).expect_body("56789ABCDE").expect_header("Content-Range", "bytes 5-14/26");
    }
}

TEST_F(Parts, AnErrorInPlaceOfTheMissingBytesIsPassedOn)
{
    s.start();
    get("bytes=0-9");
    serve_raw({}, "no", 403);
    get("bytes=5-14").expect_status(403).expect_body("no").expect_cache("fwd=partial; detail=range");
    EXPECT_EQ(page.requests(), 2);
    s.origin().go_down();
    get("bytes=5-14").expect_problem(502, "origin_refused");
    get("bytes=5-9").expect_body("fghij").expect_cache(hit);
}

TEST_F(Parts, AnAnswerThatNobodyAskedForIsNoCompletion)
{
    s.start();
    get("bytes=0-9");
    page.answer([](const http_request& q) {
        return q.header("Range") == "bytes=10-14" ? std::string("HTTP/1.1 304 Not Modified\r\nETag: \"one\"\r\n\r\n")
                                                  : answer_range(q, alphabet, "\"one\"", {{"Cache-Control", "max-age=60"}});
    });
    get("bytes=5-14").expect_status(206).expect_body("fghijklmno").expect_cache(part_miss);
    EXPECT_EQ(last().header("Range"), "bytes=5-14");
}

TEST_F(Parts, AnExpiredWholeStandsInWhenTheMissingBytesFail)
{
    s.set("routes.0.stale.if_error", "60s");
    serve(std::string(alphabet), "", {{"Cache-Control", "max-age=5"}});
    s.start();
    s.get("/a");
    s.advance(10s);
    serve(std::string(alphabet), "\"one\"");
    get("bytes=0-9").expect_cache("fwd=stale; stored; detail=partial");
    serve_raw({}, "no", 503);
    get("bytes=5-14").expect_status(206).expect_body("fghijklmno").expect_cache("fwd=stale; detail=sie");
}

TEST_F(Parts, InterimAnswersToACompletionReachTheClient)
{
    s.start();
    get("bytes=0-9");
    page.answer([](const http_request& q) {
        return "HTTP/1.1 103 Early Hints\r\nLink: </x>\r\n\r\n" + answer_range(q, alphabet, "\"one\"", {{"Cache-Control", "max-age=60"}});
    });
    const answer a = get("bytes=5-14");
    a.expect_body("fghijklmno").expect_cache(part_miss);
    EXPECT_EQ(last().header("Range"), "bytes=10-14");
    ASSERT_EQ(a.interim.size(), 1u);
    EXPECT_EQ(a.interim[0].status, 103);
}

// A write through another instance is learnt of in L2 alone, and parts are not there.
TEST_F(Parts, AnswerForMaxTtlAtMostWhereInstancesShareATier)
{
    s.configure("{ cache: { l1: { max_ttl: 5s }, l2: { kind: memory } } }");
    s.start();
    get("bytes=0-9");
    s.advance(4s);
    get("bytes=0-9").expect_cache(hit);
    get("bytes=2-3").expect_body("cd").expect_cache(hit);
    s.advance(1s);
    get("bytes=0-9").expect_cache(miss);
    get("bytes=2-3").expect_cache(hit);
}

TEST_F(Parts, ACompletionThatBreaksOffBreaksVisibly)
{
    s.start();
    get("bytes=0-9");
    page.answer(nullptr)
        .raw("HTTP/1.1 206 Partial Content\r\nCache-Control: max-age=60\r\nETag: \"one\"\r\nContent-Range: bytes 10-14/26\r\n"
             "Content-Length: 5\r\n\r\nkl")
        .fault(origin_fault::close_after_answer);
    raw_client c = s.client();
    c.send("GET /a HTTP/1.1\r\nHost: shop.test\r\nRange: bytes=5-14\r\n\r\n");
    const std::string all = c.read_to_end();
    EXPECT_NE(all.find("Content-Length: 10\r\n"), std::string::npos);
    EXPECT_TRUE(all.ends_with("\r\n\r\nfghijkl"));
    page.fault(origin_fault::none);
    serve(std::string(alphabet), "\"one\"");
    get("bytes=10-11").expect_body("kl").expect_cache(part_miss);
}

TEST_F(Parts, TellTheAgeOfTheOldestOfThem)
{
    s.start();
    get("bytes=0-9");
    s.advance(20s);
    get("bytes=10-19");
    get("bytes=5-14").expect_cache(hit).expect_header("Age", "20").expect_ttl(40);
}

TEST_F(Parts, OfOneUrlAreBounded)
{
    serve(numbered_bytes(4000), "\"one\"");
    s.start();
    for (int i = 0; i < 40; ++i) {
        get("bytes=" + std::to_string(i * 100) + "-" + std::to_string(i * 100 + 9));
    }
    EXPECT_EQ(s.metric("l1_entries"), 17);   // and the index of them
    get("bytes=3900-3909").expect_cache(hit);
    get("bytes=0-9").expect_cache(part_miss);
}

TEST_F(Parts, TheWholeIsStoredWhenTheOriginKnowsNoRanges)
{
    page.answer(nullptr).raw("").cache_control("max-age=60").body(std::string(alphabet));
    s.start();
    get("bytes=2-5").expect_status(200).expect_body(alphabet).expect_cache("fwd=uri-miss; stored; detail=range");
    get("bytes=2-5").expect_status(206).expect_body("cdef").expect_cache("hit; detail=l1");
    EXPECT_EQ(page.requests(), 1);
}

// What a Range leads to beside 200 and 206 says nothing about the whole.
TEST_F(Parts, ErrorsThatComeOfARangeAreNotStored)
{
    s.start();
    for (const int status : {400, 404, 410, 416, 301, 501}) {
        SCOPED_TRACE(status);
        serve_raw({{"Cache-Control", "max-age=60"}}, "no", status);
        get("bytes=2-5").expect_status(status).expect_body("no");
        serve(std::string(alphabet), "");
        const int before = page.requests();
        s.get("/a").expect_status(200).expect_body(alphabet);
        EXPECT_EQ(page.requests(), before + 1);
        s.post("/a", "x");   // away with it
    }
    serve_raw({{"Cache-Control", "max-age=60"}, {"Content-Range", "bytes 2-5/26"}}, "cdef", 200);   // neither this nor that
    get("bytes=2-5").expect_status(200).expect_body("cdef");
    serve(std::string(alphabet), "");
    s.get("/a").expect_body(alphabet);
}

TEST_F(Parts, AreKnownToOnlyIfCached)
{
    s.set("routes.0.request_directives", "honour");
    s.start();
    get("bytes=2-5");
    get("bytes=2-3", {{"Cache-Control", "only-if-cached"}}).expect_status(206).expect_body("cd").expect_cache(hit);
    get("bytes=2-9", {{"Cache-Control", "only-if-cached"}}).expect_status(504);
    get("bytes=2-3", {{"Cache-Control", "no-cache"}}).expect_body("cd").expect_cache(miss);
    EXPECT_EQ(page.requests(), 2);
}

TEST_F(Parts, LargeOnesAreStoredUpToTheLargestObject)
{
    s.set("cache.l1.max_object", "256KiB");
    const std::string all = numbered_bytes(600'000);
    serve(all, "\"one\"");
    s.start();
    get("bytes=100000-299999").expect_body(std::string_view(all).substr(100'000, 200'000)).expect_cache(miss);
    get("bytes=165000-199999").expect_body(std::string_view(all).substr(165'000, 35'000)).expect_cache(hit);
    get("bytes=300000-599999").expect_body(std::string_view(all).substr(300'000)).expect_cache("fwd=partial; detail=range");
    get("bytes=400000-400009").expect_cache(part_miss);
}

}  // namespace
}  // namespace tiercel::test
