#include "telemetry/log.hpp"

#include "support/temp_dir.hpp"
#include "telemetry/manual_clock.hpp"

#include <boost/json.hpp>
#include <gtest/gtest.h>

#include <sstream>
#include <thread>

namespace tiercel::telemetry {
namespace {

using namespace std::chrono_literals;

std::vector<std::string> lines_of(const std::string& text)
{
    std::vector<std::string> lines;
    std::istringstream in(text);
    for (std::string line; std::getline(in, line);) { lines.push_back(line); }
    return lines;
}

std::uint64_t suppressed_at(std::string_view site)
{
    for (const auto& s : lines_suppressed()) {
        if (s.site == site) { return s.lines; }
    }
    return 0;
}

// Sum of all suppressed=N in the text.
std::uint64_t suppressed_in(const std::string& text)
{
    constexpr std::string_view name = "suppressed=";
    std::uint64_t sum = 0;
    for (auto at = text.find(name); at != std::string::npos; at = text.find(name, at + 1)) {
        sum += std::stoull(text.substr(at + name.size()));
    }
    return sum;
}

class Log : public ::testing::Test {
protected:
    log_options options() const
    {
        log_options o;
        o.file = path();
        return o;
    }
    std::string path() const { return dir_.path() / "tiercel.log"; }
    std::string text() const { return test::read_file(path()); }
    std::vector<std::string> lines() const { return lines_of(text()); }

    test::temp_dir dir_;
    manual_clock clock_;
};

// ---- the gate --------------------------------------------------------------------------------------------------------

TEST(LogSite, LetsABurstOfOneSecondPassAndThenTheRate)
{
    static constinit log_site site("burst");
    manual_clock clock;
    int passed = 0;
    for (int i = 0; i < 50; ++i) { passed += site.try_pass(clock.now(), 10).has_value() ? 1 : 0; }
    EXPECT_EQ(passed, 10);
    clock.advance(99ms);
    EXPECT_FALSE(site.try_pass(clock.now(), 10));
    clock.advance(1ms);
    EXPECT_EQ(site.try_pass(clock.now(), 10), 41u);   // reports the suppressed ones, once
    clock.advance(100ms);
    EXPECT_EQ(site.try_pass(clock.now(), 10), 0u);
}

TEST(LogSite, FillsUpToOneSecondAndNoFurther)
{
    static constinit log_site site("fill");
    manual_clock clock;
    for (const auto pause : {1000ms, 3'600'000ms}) {
        clock.advance(pause);
        int passed = 0;
        for (int i = 0; i < 100; ++i) { passed += site.try_pass(clock.now(), 10).has_value() ? 1 : 0; }
        EXPECT_EQ(passed, 10);
    }
}

TEST(LogSite, RateOneLetsOneLinePassPerSecond)
{
    static constinit log_site site("one");
    manual_clock clock;
    int passed = 0;
    for (int ms = 0; ms < 10'000; ++ms) {
        passed += site.try_pass(clock.now(), 1).has_value() ? 1 : 0;
        clock.advance(1ms);
    }
    EXPECT_EQ(passed, 10);
}

TEST(LogSite, RateZeroLimitsNothing)
{
    static constinit log_site site("zero");
    for (int i = 0; i < 1000; ++i) { EXPECT_TRUE(site.try_pass(instant(1ms), 0)); }
}

TEST(LogSite, AClockSetBackOpensTheGate)
{
    static constinit log_site site("back");
    const instant now(1'000'000s);
    for (int i = 0; i < 20; ++i) { site.try_pass(now, 10); }
    EXPECT_TRUE(site.try_pass(now - 5000s, 10));
}

TEST(LogSite, ThreadsTogetherGetNoMoreThanTheRate)
{
    static constinit log_site site("threads");
    constexpr int each = 20'000;
    const auto before = suppressed_at("threads");
    manual_clock clock;
    std::atomic<int> passed{0};
    std::atomic<std::uint64_t> reported{0};
    std::vector<std::thread> threads;
    for (int t = 0; t < 4; ++t) {
        threads.emplace_back([&] {
            for (int i = 0; i < each; ++i) {
                if (const auto n = site.try_pass(clock.now(), 10)) {
                    ++passed;
                    reported += *n;
                }
            }
        });
    }
    for (auto& t : threads) { t.join(); }
    EXPECT_EQ(passed, 10);
    clock.advance(1s);
    EXPECT_EQ(reported + site.try_pass(clock.now(), 10).value(), 4u * each - 10u);
    EXPECT_EQ(suppressed_at("threads") - before, 4u * each - 10u);
}

// ---- lines -----------------------------------------------------------------------------------------------------------

TEST_F(Log, WritesTimeLevelModuleAndMessage)
{
    logs all(options(), clock_);
    const auto log = all.get("redis");
    TIERCEL_LOG(log, warn, "lines-text", "connection lost host={} port={}", "cache-1", 6379);
    all.flush();
    ASSERT_EQ(lines().size(), 1u);
    auto line = lines()[0];
    for (auto& c : line) { c = c >= '0' && c <= '9' ? '0' : c; }
    EXPECT_EQ(line, "0000-00-00T00:00:00.000Z warn  redis: connection lost host=cache-0 port=0000");
}

TEST_F(Log, JsonLinesParseWhateverTheMessageHolds)
{
    auto o = options();
    o.format = log_format::json;
    logs all(o, clock_);
    const auto log = all.get("origin");
    const std::string hostile = "a\"b\\c\r\n\x1b[2J\xff";
    TIERCEL_LOG(log, error, "lines-json", "bad status line={}", hostile);
    all.flush();
    ASSERT_EQ(lines().size(), 1u);
    const auto line = boost::json::parse(lines()[0]).as_object();
    EXPECT_EQ(line.at("level"), "error");
    EXPECT_EQ(line.at("module"), "origin");
    EXPECT_EQ(line.at("message"), "bad status line=a\"b\\c\r\n\x1b[2J\xef\xbf\xbd");
}

TEST_F(Log, ATextMessageStaysOnItsLine)
{
    logs all(options(), clock_);
    const auto log = all.get("origin");
    TIERCEL_LOG(log, info, "lines-forged", "answer={}", "x\n2025-01-01T00:00:00.000Z error origin: forged\x1b[2J");
    all.flush();
    ASSERT_EQ(lines().size(), 1u);
    EXPECT_NE(lines()[0].find("x\\x0a2025"), std::string::npos);
    EXPECT_EQ(lines()[0].find('\x1b'), std::string::npos);
}

TEST_F(Log, LinesBelowTheLevelAreNotWrittenNorTheirArgumentsMade)
{
    logs all(options(), clock_);
    const auto log = all.get("flow");
    int made = 0;
    const auto argument = [&] { return ++made; };
    TIERCEL_LOG(log, debug, "level", "request n={}", argument());
    all.set_level(log_level::debug);
    TIERCEL_LOG(log, debug, "level", "request n={}", argument());
    all.set_level(log_level::error);
    TIERCEL_LOG(log, warn, "level", "request n={}", argument());
    all.flush();
    EXPECT_EQ(lines().size(), 1u);
    EXPECT_EQ(made, 1);
}

TEST_F(Log, RepeatsPassTheGateAndTheNextLineCountsThem)
{
    logs all(options(), clock_);
    const auto log = all.get("redis");
    const auto before = suppressed_at("repeats");
    const auto fail = [&] { TIERCEL_LOG(log, warn, "repeats", "command failed"); };
    // A minute of trouble, a thousand times per second.
    for (int ms = 0; ms < 60'000; ++ms) {
        fail();
        clock_.advance(1ms);
    }
    clock_.advance(1s);
    fail();
    all.flush();
    EXPECT_LE(lines().size(), 10u + 600u + 1u);
    EXPECT_NE(lines().back().find("suppressed="), std::string::npos);
    EXPECT_EQ(suppressed_in(text()), suppressed_at("repeats") - before);
    EXPECT_EQ(suppressed_in(text()) + lines().size(), 60'001u);
}

TEST_F(Log, OtherRateTakesEffectAtOnce)
{
    auto o = options();
    o.rate = 1;
    logs all(o, clock_);
    const auto log = all.get("redis");
    const auto burst = [&] {
        for (int i = 0; i < 5; ++i) { TIERCEL_LOG(log, warn, "rate", "command failed"); }
        all.flush();
        return lines().size();
    };
    EXPECT_EQ(burst(), 1u);
    all.set_rate(0);
    EXPECT_EQ(burst(), 6u);
}

TEST_F(Log, StoppingReportsWhatIsStillSuppressed)
{
    logs all(options(), clock_);
    const auto log = all.get("redis");
    for (int i = 0; i < 25; ++i) { TIERCEL_LOG(log, warn, "stopping", "command failed"); }
    all.stop();
    ASSERT_GE(lines().size(), 11u);
    EXPECT_NE(text().find("lines were suppressed site=stopping suppressed=15"), std::string::npos);
    TIERCEL_LOG(log, error, "stopping", "after the end");
    all.stop();
    EXPECT_EQ(text().find("after the end"), std::string::npos);
}

TEST_F(Log, ALoggerMayOutliveItsLogs)
{
    auto all = std::make_unique<logs>(options(), clock_);
    const auto log = all->get("redis");
    all.reset();
    EXPECT_FALSE(log.enabled(log_level::error));
    TIERCEL_LOG(log, error, "outlive", "nobody hears this");
    TIERCEL_LOG(logger(), error, "outlive", "nor this");
    EXPECT_EQ(text().find("nobody hears this"), std::string::npos);
}

TEST_F(Log, ReopenedWritesToTheNewFile)
{
    logs all(options(), clock_);
    const auto log = all.get("app");
    TIERCEL_LOG(log, info, "reopen", "first");
    all.flush();
    std::filesystem::rename(path(), path() + ".1");
    all.reopen();
    TIERCEL_LOG(log, info, "reopen", "second");
    all.flush();
    EXPECT_NE(test::read_file(path() + ".1").find("first"), std::string::npos);
    ASSERT_EQ(lines().size(), 1u);
    EXPECT_NE(lines()[0].find("second"), std::string::npos);
}

TEST_F(Log, LinesOfManyThreadsStayWhole)
{
    auto o = options();
    o.rate = 0;
    logs all(o, clock_);
    std::vector<std::thread> threads;
    for (int t = 0; t < 4; ++t) {
        threads.emplace_back([&all, t] {
            const auto log = all.get("thread");
            for (int i = 0; i < 100; ++i) { TIERCEL_LOG(log, info, "whole", "t={} i={} end", t, i); }
        });
    }
    for (auto& t : threads) { t.join(); }
    all.flush();
    const auto written = lines();
    EXPECT_EQ(written.size(), 400u);
    for (const auto& line : written) { EXPECT_TRUE(line.ends_with(" end")) << line; }
}

// ---- states ----------------------------------------------------------------------------------------------------------

class State : public Log {
protected:
    void report(const logger& log, bool up)
    {
        TIERCEL_LOG_STATE(log, state_, up, up ? log_level::info : log_level::warn, "state", "redis is {}", up ? "back" : "away");
    }
    log_state state_{true};
};

TEST_F(State, AChangeIsLoggedOnceAndOnceOnReturn)
{
    logs all(options(), clock_);
    const auto log = all.get("redis");
    for (const bool up : {true, false, true}) {
        for (int i = 0; i < 20'000; ++i) {
            report(log, up);
            clock_.advance(1ms);
        }
    }
    all.flush();
    ASSERT_EQ(lines().size(), 2u);
    EXPECT_TRUE(lines()[0].ends_with("redis is away"));
    EXPECT_TRUE(lines()[1].ends_with("redis is back"));
}

TEST_F(State, AFlappingStateIsHeldBackAndTheLastLineIsTrue)
{
    logs all(options(), clock_);
    const auto log = all.get("redis");
    for (int i = 0; i < 1001; ++i) { report(log, i % 2 == 1); }
    all.flush();
    EXPECT_EQ(lines().size(), 10u);
    for (int ms = 0; ms < 1000; ++ms) {
        report(log, false);
        clock_.advance(1ms);
    }
    all.flush();
    EXPECT_LE(lines().size(), 12u);
    EXPECT_NE(lines().back().find("redis is away"), std::string::npos);
}

TEST_F(State, IsRememberedAlsoWhenTheLevelHidesTheLine)
{
    auto o = options();
    o.level = log_level::warn;
    logs all(o, clock_);
    const auto log = all.get("redis");
    for (const bool up : {false, true, false, true}) { report(log, up); }
    all.flush();
    EXPECT_EQ(lines().size(), 2u);
}

// ---- redact_url ------------------------------------------------------------------------------------------------------

TEST(RedactUrl, TakesUserinfoAwayAndLeavesTheRest)
{
    const std::vector<std::pair<std::string, std::string>> cases{
        {"redis://user:hunter2@cache:6379/0", "redis://cache:6379/0"},
        {"redis://:hunter2@cache/0", "redis://cache/0"},
        {"redis+sentinel://u:hunter2@h1:26379,h2:26379/master", "redis+sentinel://h1:26379,h2:26379/master"},
        {"redis+sentinel://h1:26379,h2:26379/m@ster", "redis+sentinel://h1:26379,h2:26379/m@ster"},
        {"https://example.com/@user?q=a@b", "https://example.com/@user?q=a@b"},
        {"https://example.com:8443/@user", "https://example.com:8443/@user"},
        {"http://[::1]:80/@user", "http://[::1]:80/@user"},
        {"http://a@b:hunter2@host/", "http://host/"},
        {"user:hunter2@host:80", "host:80"},
        {"unix:/run/redis.sock", "unix:/run/redis.sock"},
        {"", ""},
        {"http://", "http://"},
        // malformed, with a '/' in the password: rather too much than too little
        {"redis://:hun/ter2@cache/0", "redis://cache/0"},
        {"redis://user:hun/ter2@cache/0", "redis://cache/0"},
        {"redis://user:5hun/ter2@cache/0", "redis://cache/0"},
        {"redis://:123/ter2@cache/0", "redis://cache/0"},
        {"http:/user:hunter2@host/", "host/"},
    };
    for (const auto& [url, redacted] : cases) { EXPECT_EQ(redact_url(url), redacted) << url; }
}

}  // namespace
}  // namespace tiercel::telemetry
