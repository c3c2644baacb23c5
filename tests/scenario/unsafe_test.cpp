#include "scenario.hpp"

namespace tiercel::test {
namespace {

constexpr std::string_view unsafe[] = {"POST", "PUT", "PATCH", "DELETE", "M-SEARCH"};

// A page whose content counts what was written to it.
origin_page& counting(scenario& s, std::string fields = "")
{
    auto& page = s.origin().page("/a");
    auto version = std::make_shared<std::atomic<int>>(1);
    page.answer([=](const http_request& r) {
        if (r.method != "GET") {
            ++*version;
            return plain_answer({}, "written");
        }
        header_list head = {{"Cache-Control", "max-age=60"}, {"ETag", "\"" + std::to_string(*version) + "\""}};
        if (!fields.empty()) { head.emplace_back("Vary", fields); }
        return plain_answer(head, "v" + std::to_string(*version) + r.header("X-Kind").value_or(""));
    });
    return page;
}

TEST(Unsafe, ASuccessfulWriteMakesTheStoredAnswerInvalid)
{
    for (const std::string_view method : unsafe) {
        SCOPED_TRACE(method);
        scenario s;
        counting(s);
        s.start();
        s.get("/a").expect_body("v1");
        s.request(method, "/a", {}, "new").expect_body("written");
        s.get("/a").expect_body("v2").expect_cache("fwd=uri-miss; stored");
        s.get("/a").expect_body("v2").expect_cache("hit; detail=l1");
    }
}

TEST(Unsafe, ARedirectIsASuccess)
{
    scenario s;
    auto& page = s.origin().page("/a").cache_control("max-age=60").body("v1");
    s.start();
    s.get("/a");
    page.status(303);
    s.post("/a", "new").expect_status(303);
    page.status(200).body("v2");
    s.get("/a").expect_body("v2");
}

TEST(Unsafe, AWriteThatFailsChangesNothing)
{
    for (const int status : {400, 403, 404, 409, 500, 503}) {
        SCOPED_TRACE(status);
        scenario s;
        auto& page = s.origin().page("/a").cache_control("max-age=60").body("v1");
        s.start();
        s.get("/a");
        page.status(status);
        s.post("/a", "new").expect_status(status);
        s.get("/a").expect_body("v1").expect_cache("hit; detail=l1");
    }
}

TEST(Unsafe, AWriteThatGotNoAnswerChangesNothing)
{
    scenario s;
    auto& page = s.origin().page("/a").cache_control("max-age=60").body("v1");
    s.start();
    s.get("/a");
    page.fault(origin_fault::close_without_answer);
    s.post("/a", "new").expect_problem(502, "origin_reset");
    s.get("/a").expect_body("v1").expect_cache("hit; detail=l1");
}

TEST(Unsafe, SafeMethodsChangeNothing)
{
    for (const std::string method : {"HEAD", "OPTIONS", "GET"}) {
        scenario s;
        s.origin().page("/a").cache_control("max-age=60").body("v1");
        s.start();
        s.get("/a");
        s.request(method, "/a").expect_status(200);
        s.get("/a").expect_body("v1").expect_cache("hit; detail=l1");
    }
}

TEST(Unsafe, AllVariantsBecomeInvalid)
{
    scenario s;
    counting(s, "X-Kind");
    s.start();
    for (const std::string kind : {"-red", "-blue"}) {
        s.get("/a", {{"X-Kind", kind}}).expect_body("v1" + kind);
    }
    s.post("/a", "new");
    for (const std::string kind : {"-red", "-blue"}) {
        s.get("/a", {{"X-Kind", kind}}).expect_body("v2" + kind);
        s.get("/a", {{"X-Kind", kind}}).expect_body("v2" + kind).expect_cache("hit; detail=l1");
    }
}

TEST(Unsafe, OtherTargetsStayValid)
{
    scenario s;
    for (const std::string target : {"/a", "/a?b=1", "/a/b", "/b"}) {
        s.origin().page(target).cache_control("max-age=60").body("v1");
    }
    s.start();
    for (const std::string target : {"/a", "/a?b=1", "/a/b", "/b"}) {
        s.get(target);
    }
    s.post("/a", "new");
    for (const std::string target : {"/a?b=1", "/a/b", "/b"}) {
        s.get(target).expect_cache("hit; detail=l1");
    }
    s.get("/a").expect_cache("fwd=uri-miss; stored");
}

TEST(Unsafe, OtherTenantsStayValid)
{
    scenario s;
    s.configure("{ tenancy: { resolvers: [ { kind: header, name: X-Tenant-ID } ] }, server: { trusted_proxies: [ 127.0.0.0/8 ] } }");
    s.origin().page("/a").cache_control("max-age=60").body("v1");
    s.start();
    for (const std::string tenant : {"one", "two"}) {
        s.get("/a", {{"X-Tenant-ID", tenant}});
    }
    s.post("/a", "new", {{"X-Tenant-ID", "one"}});
    s.get("/a", {{"X-Tenant-ID", "two"}}).expect_cache("hit; detail=l1");
    s.get("/a", {{"X-Tenant-ID", "one"}}).expect_cache("fwd=uri-miss; stored");
}

TEST(Unsafe, WhatIsInvalidIsNotServedStaleEither)
{
    scenario s;
    auto& page = s.origin().page("/a").cache_control("max-age=60, stale-while-revalidate=600, stale-if-error=600").body("v1");
    s.start();
    s.get("/a");
    s.post("/a", "new");
    page.status(500).body("broken");
    s.get("/a").expect_status(500);
    s.origin().go_down();
    s.advance(120s);
    s.get("/a").expect_status(502);
}

TEST(Unsafe, AFetchThatBeganBeforeIsNotStored)
{
    scenario s;
    auto& page = s.origin().page("/a").cache_control("max-age=60").body("old").hold();
    s.start();
    auto reader = s.begin_get("/a");
    ASSERT_TRUE(page.wait_for_requests(1));
    // The write comes while the read is held.
    auto writer = std::async(std::launch::async, [&] { return s.post("/a", "new").status; });
    ASSERT_TRUE(page.wait_for_requests(2));
    page.release();
    EXPECT_EQ(writer.get(), 200);
    reader.get().expect_body("old");
    s.wait_until_quiet();
    page.body("new");
    s.get("/a").expect_body("new");
}

TEST(Unsafe, AReaderThatComesAfterAWriteDoesNotJoinAnOlderFetch)
{
    scenario s;
    manual_origin by_hand;
    s.set("origins.shop.endpoints", "[ '" + by_hand.url() + "' ]");
    s.start();
    auto early = s.begin_get("/a");
    byte_stream old_link = by_hand.accept();
    by_hand.read(old_link);

    auto write = std::async(std::launch::async, [&] { return s.post("/a", "new").status; });
    byte_stream write_link = by_hand.accept();
    EXPECT_EQ(by_hand.read(write_link).method, "POST");
    write_link.send("HTTP/1.1 200 OK\r\nContent-Length: 0\r\nConnection: close\r\n\r\n");
    EXPECT_EQ(write.get(), 200);

    auto late = s.begin_get("/a");
    byte_stream new_link = by_hand.accept();
    by_hand.read(new_link);
    new_link.send(plain_answer({{"Cache-Control", "max-age=60"}, {"Connection", "close"}}, "new"));
    late.get().expect_body("new");

    old_link.send(plain_answer({{"Cache-Control", "max-age=60"}, {"Connection", "close"}}, "old"));
    early.get().expect_body("old").expect_cache("fwd=uri-miss; detail=fence");
    s.wait_until_quiet();

    s.expect_metric(1, "l1_entries");   // the late reader's
    s.get("/a").expect_body("new").expect_cache("hit; detail=l1");
}

TEST(Unsafe, WhatAWriteOvertookIsSharedWithThoseAloneWhomItFits)
{
    scenario s;
    manual_origin by_hand;
    s.set("origins.shop.endpoints", "[ '" + by_hand.url() + "' ]");
    s.start();
    auto red = s.begin_get("/a", {{"X-Kind", "red"}});
    byte_stream red_link = by_hand.accept();
    by_hand.read(red_link);
    auto blue = s.begin_get("/a", {{"X-Kind", "blue"}});   // waits: nobody knows yet what the answer varies on
    s.wait_for_waiters(1);

    auto write = std::async(std::launch::async, [&] { return s.post("/a", "new").status; });
    byte_stream write_link = by_hand.accept();
    by_hand.read(write_link);
    write_link.send("HTTP/1.1 200 OK\r\nContent-Length: 0\r\nConnection: close\r\n\r\n");
    EXPECT_EQ(write.get(), 200);

    const auto answer_for = [](const char* kind) {
        return plain_answer({{"Cache-Control", "max-age=60"}, {"Vary", "X-Kind"}, {"Connection", "close"}}, kind);
    };
    red_link.send(answer_for("red"));
    red.get().expect_body("red").expect_cache("fwd=uri-miss; detail=fence");
    byte_stream blue_link = by_hand.accept();
    EXPECT_EQ(by_hand.read(blue_link).header("X-Kind"), "blue");
    blue_link.send(answer_for("blue"));
    blue.get().expect_body("blue");
}

TEST(Unsafe, SwitchedOffWritesChangeNothing)
{
    scenario s;
    s.set("routes.0.on_write", "off");
    s.origin().page("/a").cache_control("max-age=60").body("v1");
    s.start();
    s.get("/a");
    s.post("/a", "new").expect_status(200);
    s.get("/a").expect_cache("hit; detail=l1");
}

}  // namespace
}  // namespace tiercel::test
