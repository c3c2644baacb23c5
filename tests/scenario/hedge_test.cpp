// A second endpoint is asked when the first one is slow (origins.*.hedge).

#include "scenario.hpp"

#include <algorithm>

namespace tiercel::test {
namespace {

class Hedge : public ::testing::Test {
protected:
    void start()
    {
        s.set("origins.shop.endpoints", "[ '" + slow.url() + "', '" + quick.url() + "' ]").set("origins.shop.balance", "round_robin");
        s.set("origins.shop.hedge.after", "30ms").set("origins.shop.hedge.budget", "1.0");
        s.start();
    }
    // In turn: the first request goes to the first of them.
    fake_origin slow;
    fake_origin quick;
    scenario s;
};

TEST_F(Hedge, AMissIsAnsweredByTheOtherEndpointAndStored)
{
    auto& held = slow.page("/a").cache_control("max-age=60").body("from the slow one").hold();
    auto& good = quick.page("/a").cache_control("max-age=60").body("from the quick one");
    start();
    s.get("/a").expect_status(200).expect_body("from the quick one").expect_cache("fwd=uri-miss; stored");
    EXPECT_EQ(held.requests(), 1);
    ASSERT_EQ(good.requests(), 1);
    EXPECT_EQ(good.received()[0].header("Tiercel-Attempt"), "2");
    s.expect_metric(1, "origin_requests_total", {{"result", "cancelled"}});
    held.release();   // what it says now, it says to nobody
    for (int i = 0; i < 5; ++i) {
        s.get("/a").expect_body("from the quick one").expect_cache("hit; detail=l1");
    }
    s.expect_metric(1, "hedged_requests_total", {{"result", "won"}});
    s.expect_metric(0, "breaker_transitions_total");
    s.expect_metric(0, "retries_total");
}

TEST_F(Hedge, OfManyWaitersThereIsOneSecondRequest)
{
    slow.page("/a").hold();
    auto& good = quick.page("/a").cache_control("max-age=60").body("good");
    start();
    auto waiting = s.begin_gets(20, "/a");
    for (auto& w : waiting) {
        w.get().expect_status(200).expect_body("good");
    }
    EXPECT_EQ(slow.requests(), 1);
    EXPECT_EQ(good.requests(), 1);
    slow.page("/a").release();
}

// Answers of the slow one come when the race is over, and never to anybody; what the quick one sends in pieces arrives whole.
TEST_F(Hedge, LateBytesReachNobodyAndTheAnswerThatCountsIsWhole)
{
    const std::string content(3'000'000, 'q');
    slow.others().cache_control("no-store").body(std::string(3'000'000, 's')).takes(60ms);
    quick.others().cache_control("no-store").body(content).chunked();
    start();
    std::vector<pending> waiting;
    for (int i = 0; i < 12; ++i) {
        waiting.push_back(s.begin_get("/" + std::to_string(i)));
    }
    int good = 0;
    for (auto& w : waiting) {
        const answer a = w.get().expect_status(200);
        ASSERT_EQ(a.body.size(), content.size());
        EXPECT_TRUE(std::all_of(a.body.begin(), a.body.end(), [&](char c) { return c == a.body.front(); })) << "of one of the two";
        good += a.body == content;
    }
    EXPECT_GE(good, 1);
}

TEST_F(Hedge, HeadAndPassedRequestsAreHedgedAndPostIsNot)
{
    slow.others().takes(2'000ms);
    quick.page("/a").body("good");
    quick.page("/b").body("good");
    s.set("routes.0.mode", "pass");
    start();
    s.get("/a").expect_status(200).expect_body("good");
    EXPECT_EQ(slow.requests(), 1);
    ASSERT_TRUE(eventually([&] { return s.metric("origin_inflight") == 0; }));
    s.get("/b").expect_status(200);          // from the quick one: it is its turn, or after the hedge
    s.head("/a").expect_status(200);
    s.expect_metric(0, "hedged_requests_total", {{"result", "failed"}});
    const int before = quick.requests();
    const double hedges = s.metric("hedged_requests_total");
    for (int i = 0; i < 2; ++i) {            // one of them goes to the slow one, which has no such page
        s.post("/a", "content");
    }
    EXPECT_EQ(quick.requests(), before + 1);
    s.expect_metric(hedges, "hedged_requests_total");
}

TEST_F(Hedge, WithoutABudgetThereIsNone)
{
    slow.page("/a").cache_control("max-age=60").body("slow but sure").takes(150ms);
    quick.page("/a").body("not asked");
    s.set("origins.shop.retry.budget", "0").set("origins.shop.retry.budget_floor", "0");
    start();
    s.get("/a").expect_body("slow but sure");
    EXPECT_EQ(quick.requests(), 0);
    s.expect_metric(1, "hedged_requests_total", {{"result", "no_budget"}});
}

// An endpoint that stalls keeps nobody from shutting down.
TEST_F(Hedge, WhatWasCalledOffDoesNotHoldUpTheEnd)
{
    slow.page("/a").hold();
    quick.page("/a").body("good");
    start();
    s.get("/a").expect_body("good");
    auto drained = s.begin_drain();
    EXPECT_TRUE(drained.get());
    slow.page("/a").release();
}

// By p2c the slow one is soon asked no more: that it was outrun is remembered.
TEST_F(Hedge, AnEndpointThatIsAlwaysOutrunGetsLittle)
{
    slow.others().takes(1'000ms);
    quick.others().body("good");
    s.set("routes.0.mode", "pass");
    s.set("origins.shop.endpoints", "[ '" + slow.url() + "', '" + quick.url() + "' ]");
    s.set("origins.shop.hedge.after", "30ms").set("origins.shop.hedge.budget", "1.0");
    s.start();
    for (int i = 0; i < 60; ++i) {
        s.get("/" + std::to_string(i)).expect_status(200).expect_body("good");
    }
    EXPECT_LE(slow.requests(), 10);
}

}  // namespace
}  // namespace tiercel::test
