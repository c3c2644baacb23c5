#include "origin/health.hpp"

#include "origin/fixture.hpp"

#include <set>

namespace tiercel::origin {
namespace {

// Says to checks what the test wants, and answers everything else well.
class checked_origin {
public:
    void say(int status) { status_ = status; }
    void waver() { status_ = wavering; }   // well each other time
    std::string url() const { return origin_.url(); }
    int checks() const { return checks_; }
    int others() const { return others_; }
    std::string last_check() const
    {
        const std::lock_guard lock(mutex_);
        return last_;
    }

private:
    static constexpr int wavering = -1;
    std::atomic<int> status_ = 200;
    std::atomic<int> checks_ = 0;
    std::atomic<int> others_ = 0;
    mutable std::mutex mutex_;
    std::string last_;
    scripted_origin origin_{[this](peer& p) {
        for (;;) {
            const auto rq = p.read_request();
            if (rq.target != "/health") {
                ++others_;
                p.send(answer("here"));
                continue;
            }
            ++checks_;
            {
                const std::lock_guard lock(mutex_);
                last_ = rq.header("User-Agent").value_or("");
            }
            if (status_ == 0) {
                p.stream.read_to_end();   // says nothing until the check is given up
                return;
            }
            p.send("HTTP/1.1 103 Early Hints\r\n\r\n" + answer("", status_ != wavering ? status_.load() : checks_ % 2 == 0 ? 200 : 500));
        }
    }};
};

class Health : public OriginTest {
protected:
    void start_checked(std::vector<checked_origin*> origins)
    {
        options.health = {.path = "/health", .interval = 20ms, .timeout = 200ms, .down_after = 3, .up_after = 2};
        options.balance = "round_robin";
        options.retry.max = 0;
        std::vector<std::string> urls;
        for (const auto* o : origins) {
            urls.push_back(o->url());
        }
        start(urls);
        checker.emplace(std::vector{up.get()}, [this](const upstream&, const endpoint&, bool) { ++changes; });
        checker->start();
    }
    bool wait_until(std::size_t endpoint, bool well)
    {
        return run_until([&] { return up->endpoints()[endpoint]->is_healthy() == well; });
    }
    void TearDown() override
    {
        checker.reset();
        OriginTest::TearDown();
    }

    std::optional<health_checker> checker;
    std::atomic<int> changes = 0;
};

TEST_F(Health, WhoFailsItsChecksGetsNoTrafficUntilItIsWell)
{
    checked_origin a;
    checked_origin b;
    start_checked({&a, &b});
    b.say(503);
    ASSERT_TRUE(wait_until(1, false));
    EXPECT_GE(b.checks(), 3);
    const int before = b.others();
    for (int i = 0; i < 10; ++i) {
        EXPECT_EQ(get().body, "here");
    }
    EXPECT_EQ(b.others(), before);
    EXPECT_EQ(a.others(), 10);

    b.say(302);
    ASSERT_TRUE(wait_until(1, true));
    for (int i = 0; i < 10; ++i) {
        get();
    }
    EXPECT_EQ(b.others(), before + 5);
    EXPECT_EQ(changes, 2);
    EXPECT_EQ(b.last_check(), "tiercel-health");
}

TEST_F(Health, AnOriginThatSaysNothingIsNotWell)
{
    checked_origin a;
    checked_origin b;
    start_checked({&a, &b});
    a.say(0);
    ASSERT_TRUE(wait_until(0, false));
    EXPECT_TRUE(up->endpoints()[1]->is_healthy());
}

// When most are down by their checks, the checks are more likely wrong.
TEST_F(Health, WhenMostSeemDownTrafficFlowsAsEver)
{
    checked_origin a;
    checked_origin b;
    checked_origin c;
    start_checked({&a, &b, &c});
    for (auto* o : {&a, &b, &c}) {
        o->say(500);
    }
    for (std::size_t i = 0; i < 3; ++i) {
        ASSERT_TRUE(wait_until(i, false));
    }
    for (int i = 0; i < 9; ++i) {
        EXPECT_EQ(get().body, "here");
    }
    EXPECT_EQ(a.others(), 3);
    EXPECT_EQ(b.others(), 3);
    EXPECT_EQ(c.others(), 3);
}

TEST_F(Health, AFailureNowAndThenIsNoIllness)
{
    checked_origin a;
    checked_origin b;
    start_checked({&a, &b});
    for (int i = 0; i < 4; ++i) {
        const int n = a.checks();
        a.say(500);
        ASSERT_TRUE(run_until([&] { return a.checks() > n; }));
        const int m = a.checks();
        a.say(200);
        ASSERT_TRUE(run_until([&] { return a.checks() > m + 1; }));
    }
    EXPECT_EQ(changes, 0);
}

TEST_F(Health, AGoodCheckNowAndThenIsNoRecovery)
{
    checked_origin a;
    checked_origin b;
    start_checked({&a, &b});
    a.say(500);
    ASSERT_TRUE(wait_until(0, false));
    a.waver();
    ASSERT_TRUE(run_until([&, n = a.checks()] { return a.checks() > n + 8; }));
    EXPECT_EQ(changes, 1);
}

TEST_F(Health, EndsInTheMiddleOfACheck)
{
    checked_origin a;
    options.health.timeout = 1h;
    start_checked({&a});
    a.say(0);
    const int n = a.checks();
    ASSERT_TRUE(run_until([&] { return a.checks() > n; }));
    checker->stop();
}

}  // namespace
}  // namespace tiercel::origin
