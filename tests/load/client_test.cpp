// The generator against real servers: what it measures must be what clients would have felt.

#include "load/client.hpp"
#include "support/fake_origin.hpp"
#include "support/origin_process.hpp"

#include <gtest/gtest.h>

#include <atomic>
#include <set>
#include <system_error>

using namespace std::chrono_literals;
using namespace tiercel;
using namespace tiercel::load;
using std::chrono::nanoseconds;

namespace {

const std::string page = make_request("/b/100/a");

planned_request the_page(std::uint64_t) { return {.bytes = page}; }

double in_ms(std::uint64_t ns) { return static_cast<double>(ns) / 1e6; }

load_plan plan_for(std::uint16_t port, double per_second, nanoseconds duration)
{
    load_plan p;
    p.servers = {port};
    p.arrivals = schedule::constant(per_second);
    p.duration = duration;
    p.connections = 4;
    p.request = the_page;
    return p;
}

}  // namespace

// With four connections a closed loop would have sent four requests into the stall, of about a thousand: its 99th
// percentile would have shown nothing.
TEST(LoadClient, AStalledServerShowsInTheLatenciesOfAllWhoShouldHaveComeMeanwhile)
{
    test::origin_process origin;
    load_run run(plan_for(origin.port(), 1000, 1s));
    run.wait_until(300ms);
    origin.freeze();
    run.wait_until(700ms);
    origin.thaw();
    const load_result r = run.finish();
    EXPECT_EQ(r.answers(), 1000u);
    EXPECT_EQ(r.errors, 0u);
    EXPECT_GE(in_ms(r.latency.quantile(0.99)), 350) << "a request due at the beginning of the stall waits to its end";
    EXPECT_GE(in_ms(r.latency.quantile(0.85)), 100) << "and 400 of 1,000 are due during it, 300 of them with 100 ms or more to go";
}

TEST(LoadClient, RequestsArriveAtTheRateOfTheScheduleAndNotOfTheAnswers)
{
    test::origin_process origin;
    origin.control("latency=50ms");
    load_plan p = plan_for(origin.port(), 200, 500ms);
    p.connections = 100;
    const load_result r = run_load(std::move(p));
    EXPECT_EQ(r.answers(), 100u);
    EXPECT_EQ(origin.requests(), 100u);
    EXPECT_GE(in_ms(r.latency.min()), 50);
    EXPECT_GT(origin.most_connections(), 1u);
}

TEST(LoadClient, ABurstIsOnItsWayBeforeTheFirstAnswer)
{
    test::fake_origin origin;
    auto& held = origin.page("/b/100/a").body("x").hold();
    load_plan p = plan_for(origin.port(), 1, 0s);
    p.arrivals = schedule::burst();
    p.requests = 50;
    p.connections = 50;
    load_run run(std::move(p));
    EXPECT_TRUE(held.wait_for_requests(50));
    held.release();
    EXPECT_EQ(run.finish().answers(), 50u);
}

TEST(LoadClient, TheWarmUpIsAskedForAndNotRecorded)
{
    test::origin_process origin;
    load_plan p = plan_for(origin.port(), 500, 400ms);
    p.warm_up = 200ms;
    const load_result r = run_load(std::move(p));
    EXPECT_EQ(origin.requests(), 200u);
    EXPECT_EQ(r.answers(), 100u);
    EXPECT_EQ(r.records.size(), 100u);
    EXPECT_GE(r.records.front().due(), 200ms);
}

TEST(LoadClient, AnswersThatBreakOffAreCountedAsNoneAndTheNextOnesAreNot)
{
    test::fake_origin origin;
    origin.page("/b/100/a").body("0123456789").fault(test::origin_fault::truncate);
    load_plan p = plan_for(origin.port(), 1, 0s);
    p.arrivals = schedule::burst();
    p.requests = 10;
    p.connections = 1;
    p.request = [good = make_request("/good")](std::uint64_t n) { return n == 0 ? the_page(n) : planned_request{.bytes = good}; };
    origin.page("/good").body("good");
    const load_result r = run_load(std::move(p));
    EXPECT_EQ(r.answered_by(source::nobody), 1u);
    EXPECT_EQ(r.errors, 1u);
    EXPECT_EQ(r.answers(), 10u);
}

TEST(LoadClient, AServerThatDiesFailsItsRequestsAndIsUsedAgainWhenItIsBack)
{
    test::origin_process origin;
    load_run run(plan_for(origin.port(), 500, 1200ms));
    run.wait_until(200ms);
    origin.kill();
    run.wait_until(500ms);
    origin.restart();
    const load_result r = run.finish();
    EXPECT_EQ(r.answers(), 600u) << "every request that was due has an outcome";
    EXPECT_GT(r.answered_by(source::nobody), 50u);
    EXPECT_TRUE(r.records.back().is_ok());
    EXPECT_GT(origin.requests(), 100u);
}

TEST(LoadClient, ANeverEndingAnswerEndsWithTheClientsPatience)
{
    test::fake_origin origin;
    origin.page("/b/100/a").fault(test::origin_fault::hang_before_head);
    load_plan p = plan_for(origin.port(), 1, 0s);
    p.requests = 1;
    p.patience = 100ms;
    EXPECT_EQ(run_load(std::move(p)).answered_by(source::nobody), 1u);
}

TEST(LoadClient, ShowsTheObserverWhatTheServerSaid)
{
    test::origin_process origin;
    load_plan p = plan_for(origin.port(), 1, 0s);
    p.arrivals = schedule::burst();
    p.requests = 20;
    p.keep_content = true;
    std::set<std::uint64_t> numbers;
    std::string odd;
    p.observe = [&](const answer_view& a) {
        numbers.insert(a.number);
        if (a.body.size() != 100 || a.body_size != 100 || a.head.find("ETag: \"b-1\"") == std::string_view::npos) { odd = a.head; }
    };
    run_load(std::move(p));
    EXPECT_EQ(numbers.size(), 20u);
    EXPECT_EQ(odd, "");
}

TEST(LoadClient, SpreadsRequestsOverServersAsThePlanSays)
{
    test::origin_process one, other;
    load_plan p = plan_for(one.port(), 500, 200ms);
    p.servers.push_back(other.port());
    p.request = [](std::uint64_t n) { return planned_request{.bytes = page, .server = n % 4 == 0 ? 1u : 0u}; };
    EXPECT_EQ(run_load(std::move(p)).errors, 0u);
    EXPECT_EQ(one.requests(), 75u);
    EXPECT_EQ(other.requests(), 25u);
}

TEST(LoadClient, SaturatesWithAsManyRequestsAtATimeAsConnections)
{
    test::origin_process origin;
    origin.control("latency=20ms");
    load_plan p = plan_for(origin.port(), 1, 300ms);
    p.arrivals = schedule::saturating();
    const load_result r = run_load(std::move(p));
    EXPECT_EQ(origin.most_connections(), 4u);
    EXPECT_EQ(r.answers(), origin.requests());
    EXPECT_GT(r.answers(), 8u);
}

TEST(LoadClient, RefusesAServerThatIsNotThere)
{
    EXPECT_THROW(run_load(plan_for(test::free_port(), 1, 1s)), std::system_error);
}
