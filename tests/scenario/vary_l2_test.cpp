#include "l2_fixture.hpp"

namespace tiercel::test {
namespace {

// Variants in the tier that outlives the process and that several instances share.
class VaryL2 : public l2_fixture {
protected:
    // An origin that says what it was asked for, and in which version.
    origin_page& versioned(int* version)
    {
        auto& page = s.origin().page("/a");
        page.answer([=](const http_request& r) {
            if (r.method != "GET") { return plain_answer({}, "written"); }
            return plain_answer({{"Cache-Control", "max-age=600"}, {"Vary", "X-Kind"}},
                                "v" + std::to_string(*version) + " " + r.header("X-Kind").value_or("none"));
        });
        return page;
    }
};

TEST_F(VaryL2, AfterAWriteTheOldVariantsAreOutOfReachAfterARestartToo)
{
    int version = 1;
    auto& page = versioned(&version);
    start();
    s.get("/a", {{"X-Kind", "red"}}).expect_body("v1 red");
    s.get("/a", {{"X-Kind", "blue"}}).expect_body("v1 blue");
    wait_for_entries(3);
    version = 2;
    s.post("/a", "new");
    s.get("/a", {{"X-Kind", "red"}}).expect_body("v2 red").expect_cache("fwd=uri-miss; stored");
    wait_for_entries(4);   // the old red and blue are still there
    restart();
    s.get("/a", {{"X-Kind", "red"}}).expect_body("v2 red").expect_cache("hit; detail=l2");
    s.get("/a", {{"X-Kind", "blue"}}).expect_body("v2 blue").expect_cache("fwd=vary-miss; stored");
    EXPECT_EQ(page.requests(), 5);
}

TEST_F(VaryL2, AfterAWriteTheOldVariantsAreOutOfReachForAnotherInstanceToo)
{
    int version = 1;
    versioned(&version);
    start();
    for (const std::string kind : {"red", "blue"}) {
        s.get("/a", {{"X-Kind", kind}}).expect_body("v1 " + kind);
    }
    wait_for_entries(3);
    version = 2;
    s.post("/a", "new");
    const auto other = another();
    for (const std::string kind : {"red", "blue"}) {
        other->get("/a", {{"X-Kind", kind}}).expect_body("v2 " + kind);
    }
    wait_for_entries(5);
    restart();
    s.get("/a", {{"X-Kind", "blue"}}).expect_body("v2 blue").expect_cache("hit; detail=l2");
}

TEST_F(VaryL2, AnInstanceThatKnowsOldVariantsDoesNotBringThemBack)
{
    int version = 1;
    versioned(&version);
    start();
    for (const std::string kind : {"red", "blue"}) {
        s.get("/a", {{"X-Kind", kind}}).expect_body("v1 " + kind);
    }
    wait_for_entries(3);
    const auto other = another();
    other->get("/a", {{"X-Kind", "red"}}).expect_body("v1 red").expect_cache("hit; detail=l2");
    version = 2;
    s.post("/a", "new");
    EXPECT_TRUE(eventually([&] { return other->get("/a", {{"X-Kind", "red"}}).body == "v2 red"; }));   // the log tells
    other->get("/a", {{"X-Kind", "green"}}).expect_body("v2 green");
    restart();
    s.get("/a", {{"X-Kind", "blue"}}).expect_body("v2 blue");
}

TEST_F(VaryL2, ADescriptorThatRedisHasLostIsWrittenAgain)
{
    int version = 1;
    auto& page = versioned(&version);
    start();
    s.get("/a", {{"X-Kind", "red"}});
    wait_for_entries(2);
    for (const std::string& name : redis->keys("tcl:*:e")) {
        redis->command({"DEL", name});
    }
    s.advance(601s);
    s.expire();
    s.get("/a", {{"X-Kind", "red"}}).expect_body("v1 red");   // memory still has its descriptor
    wait_for_entries(2);
    restart();
    s.get("/a", {{"X-Kind", "red"}}).expect_body("v1 red").expect_cache("hit; detail=l2");
    EXPECT_EQ(page.requests(), 2);
}

TEST_F(VaryL2, TheNewestOfThoseThatMatchIsUsed)
{
    auto& page = s.origin().page("/a");
    page.answer([&](const http_request& r) {
        const bool by_kind = r.header("X-Size") == "none";
        return plain_answer({{"Cache-Control", "max-age=600"}, {"Vary", by_kind ? "X-Kind" : "X-Size"},
                             {"Date", s.date(by_kind ? 5s : 20s)}}, by_kind ? "by kind" : "by size");
    });
    start();
    s.get("/a", {{"X-Kind", "red"}, {"X-Size", "none"}}).expect_body("by kind");
    s.get("/a", {{"X-Kind", "blue"}, {"X-Size", "big"}}).expect_body("by size");
    wait_for_entries(3);
    restart();
    s.get("/a", {{"X-Kind", "red"}, {"X-Size", "big"}}).expect_body("by kind").expect_cache("hit; detail=l2");
}

TEST_F(VaryL2, WhoWaitsForALookIntoRedisGetsItsOwnVariant)
{
    int version = 1;
    versioned(&version);
    start();
    for (const std::string kind : {"red", "blue"}) {
        s.get("/a", {{"X-Kind", kind}});
    }
    wait_for_entries(3);
    restart();
    redis->freeze();
    auto red = s.begin_get("/a", {{"X-Kind", "red"}});
    auto blue = s.begin_get("/a", {{"X-Kind", "blue"}});
    s.wait_for_waiters(1);
    redis->thaw();
    red.get().expect_body("v1 red");
    blue.get().expect_body("v1 blue");
}

TEST_F(VaryL2, VariantsStandSideBySideWithoutMemory)
{
    s.set("cache.l1.max_bytes", "0");
    int version = 1;
    auto& page = versioned(&version);
    start();
    s.get("/a", {{"X-Kind", "red"}}).expect_body("v1 red");
    wait_for_entries(2);
    s.get("/a", {{"X-Kind", "blue"}}).expect_body("v1 blue").expect_cache("fwd=vary-miss; stored");
    wait_for_entries(3);
    for (const std::string kind : {"red", "blue"}) {
        EXPECT_TRUE(eventually([&] { return cache_status_of(s.get("/a", {{"X-Kind", kind}})).detail == "l2"; }));
    }
    EXPECT_LE(page.requests(), 4);
}

TEST_F(VaryL2, SixtyFourIsTheMostThereToo)
{
    auto& page = s.origin().page("/a");
    page.answer([](const http_request& r) {
        return plain_answer({{"Cache-Control", "max-age=600"}, {"Vary", "X-Kind"}}, "for " + r.header("X-Kind").value_or("none"));
    });
    start();
    for (int kind = 0; kind < 64; ++kind) {
        s.get("/a", {{"X-Kind", std::to_string(kind)}});
    }
    wait_for_entries(65);
    restart();
    s.get("/a", {{"X-Kind", "64"}}).expect_body("for 64").expect_cache("fwd=vary-miss; detail=variants");
    s.get("/a", {{"X-Kind", "63"}}).expect_body("for 63").expect_cache("hit; detail=l2");
    EXPECT_EQ(page.requests(), 65);
}

TEST_F(VaryL2, AllThatMayAnswerIsAskedForAtOnce)
{
    constexpr int lists = 8;
    auto& page = s.origin().page("/a");
    page.answer([](const http_request& r) {
        return plain_answer({{"Cache-Control", "max-age=600"}, {"Vary", r.header("X-By").value_or("none")}}, "v1");
    });
    start();
    for (int i = 0; i < lists; ++i) {
        const std::string by = "X-" + std::to_string(i);
        s.get("/a", {{"X-By", by}, {by, "1"}});
    }
    wait_for_entries(lists + 1);
    restart();
    const auto reads = [&] {
        const std::string stats = redis->command({"INFO", "stats"}).text;
        const std::string name = "total_reads_processed:";
        return std::stoi(stats.substr(stats.find(name) + name.size()));
    };
    const double gets = s.metric("l2_duration_seconds_count", {{"op", "get"}});
    const int before = reads();
    s.get("/a", {{"X-0", "1"}}).expect_body("v1").expect_cache("hit; detail=l2");
    EXPECT_LT(reads() - before, lists) << "pieces in which commands came, among them this question and perhaps one for the time";
    s.expect_metric(gets + 1 + lists, "l2_duration_seconds_count", {{"op", "get"}});
}

}  // namespace
}  // namespace tiercel::test
