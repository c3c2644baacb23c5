#include "telemetry/access_log.hpp"

#include "support/temp_dir.hpp"
#include "telemetry/manual_clock.hpp"

#include <boost/json.hpp>
#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <fcntl.h>
#include <filesystem>
#include <memory>
#include <set>
#include <sstream>
#include <sys/stat.h>
#include <thread>
#include <unistd.h>

namespace tiercel::telemetry {
namespace {

using namespace std::chrono_literals;
using boost::json::object;

std::vector<std::string> lines_of(const std::string& text)
{
    std::vector<std::string> lines;
    std::istringstream in(text);
    for (std::string line; std::getline(in, line);) { lines.push_back(line); }
    return lines;
}

std::uint64_t lost_lines()
{
    for (const auto& s : lines_suppressed()) {
        if (s.site == "access-log") { return s.lines; }
    }
    return 0;
}

access_record usual()
{
    access_record r;
    r.time = wall_time(1738367999123ms);   // 2025-01-31T23:59:59.123Z
    r.duration = 123us;
    r.client = "192.0.2.7";
    r.method = "GET";
    r.target = "/products/42?b=2&a=1";
    r.host = "shop.example";
    r.status = 200;
    r.bytes_sent = 1260;
    r.route = "products";
    r.tenant = "t1";
    r.what = outcome::hit_l1;
    r.why = detail::l1;
    r.from = tier::l1;
    r.key = hash128{0x0123456789abcdef, 0xfedcba9876543210};
    r.request_id = "req-1";
    r.trace_id = "4bf92f3577b34da6a3ce929d0e0e4736";
    r.user_agent = "curl/8";
    r.referer = "https://shop.example/";
    return r;
}

class AccessLog : public ::testing::Test {
protected:
    access_options options(log_format f = log_format::json) const
    {
        access_options o;
        o.format = f;
        o.file = path();
        return o;
    }
    std::string path() const { return dir_.path() / "access.log"; }
    std::vector<std::string> lines() const { return lines_of(test::read_file(path())); }

    // The one line that a record makes.
    std::string line_of(const access_record& r, log_format f = log_format::json)
    {
        access_log log(options(f), logger());
        auto lane = log.open_lane();
        lane.write(r);
        log.stop();
        const auto all = lines();
        return all.empty() ? std::string() : all.back();
    }
    object json_of(const access_record& r) { return boost::json::parse(line_of(r)).as_object(); }

    test::temp_dir dir_;
};

TEST_F(AccessLog, AJsonLineHoldsTheDecisionAndTheTimes)
{
    auto r = usual();
    r.attempts = 2;
    r.origin_duration = 45ms;
    r.forward = forward_reason::uri_miss;
    const auto line = json_of(r);
    const object expected{{"time", "2025-01-31T23:59:59.123Z"},
                          {"client", "192.0.2.7"},
                          {"method", "GET"},
                          {"host", "shop.example"},
                          {"target", "/products/42?b=2&a=1"},
                          {"version", "1.1"},
                          {"status", 200},
                          {"bytes", 1260},
                          {"duration_us", 123},
                          {"outcome", name_of(outcome::hit_l1)},
                          {"detail", name_of(detail::l1)},
                          {"tier", "l1"},
                          {"attempts", 2},
                          {"origin_us", 45000},
                          {"fwd", name_of(forward_reason::uri_miss)},
                          {"route", "products"},
                          {"tenant", "t1"},
                          {"key", "0123456789abcdeffedcba9876543210"},
                          {"request_id", "req-1"},
                          {"trace_id", "4bf92f3577b34da6a3ce929d0e0e4736"},
                          {"user_agent", "curl/8"},
                          {"referer", "https://shop.example/"}};
    EXPECT_EQ(line, expected) << boost::json::serialize(line);
}

TEST_F(AccessLog, WhatIsEmptyIsLeftOut)
{
    access_record r;
    r.status = 400;
    const auto line = json_of(r);
    for (const auto* name : {"origin_us", "fwd", "route", "tenant", "key", "request_id", "trace_id", "user_agent", "referer"}) {
        EXPECT_FALSE(line.contains(name)) << name;
    }
    EXPECT_EQ(line.at("attempts"), 0);
}

TEST_F(AccessLog, ATextLineIsTheCombinedFormatAndMore)
{
    auto r = usual();
    EXPECT_EQ(line_of(r, log_format::text),
              "192.0.2.7 - \"t1\" [31/Jan/2025:23:59:59 +0000] \"GET /products/42?b=2&a=1 HTTP/1.1\" 200 1260 "
              "\"https://shop.example/\" \"curl/8\" \"shop.example\" " +
                  std::string(name_of(outcome::hit_l1)) + ' ' + std::string(name_of(detail::l1)) + " 123 0 \"req-1\"");
    r.target = "/a\" 200 1\r\nforged\x1b[2J\xff";
    r.user_agent = "\"\n";
    EXPECT_NE(line_of(r, log_format::text).find(R"("GET /a\" 200 1\x0d\x0aforged\x1b[2J\xff HTTP/1.1")"), std::string::npos);
}

TEST_F(AccessLog, HostileTextDoesNotBreakALine)
{
    std::vector<std::string> hostile{"\r\n", "\n{\"forged\":1}", "\x1b[31m", "\"", "\\", "\\\"", "\",\"status\":500,\"x\":\"",
                                     std::string(1, '\0'), "\xff\xfe", "\xc0\x80", "\xed\xa0\x80", "\xe2\x80\xa8", "\xc2\x85",
                                     "\x7f", "a\tb", std::string(20000, '"'), std::string(20000, '\xff')};
    for (int c = 0; c < 256; ++c) { hostile.push_back("/x" + std::string(1, static_cast<char>(c)) + "y"); }
    {
        access_log log(options(), logger());
        auto lane = log.open_lane();
        for (const auto& text : hostile) {
            auto r = usual();
            for (auto field : {&access_record::client, &access_record::method, &access_record::host, &access_record::target,
                               &access_record::route, &access_record::tenant, &access_record::request_id,
                               &access_record::trace_id, &access_record::user_agent, &access_record::referer}) {
                r.*field = text;
            }
            lane.write(r);
            log.flush();   // the longest ones would not all fit into a ring
        }
    }
    const auto all = lines();
    ASSERT_EQ(all.size(), hostile.size());
    for (const auto& line : all) {
        const auto o = boost::json::parse(line).as_object();
        EXPECT_EQ(o.at("status"), 200);
        EXPECT_EQ(o.size(), 20u) << line;
        for (const char c : line) { EXPECT_FALSE(static_cast<unsigned char>(c) < 0x20 || c == 0x7f); }
    }
    EXPECT_EQ(boost::json::parse(all[6]).at("target"), boost::json::value(hostile[6]));
}

TEST_F(AccessLog, LongTextsAreCut)
{
    auto r = usual();
    const std::string longer(100'000, 'a');
    r.target = longer;
    r.user_agent = longer;
    const auto line = json_of(r);
    EXPECT_EQ(line.at("target").as_string().size(), access_log::longest_target);
    EXPECT_EQ(line.at("user_agent").as_string().size(), access_log::longest_field);
}

TEST_F(AccessLog, UserinfoIsNotWritten)
{
    auto r = usual();
    r.target = "http://user:hunter2@shop.example/a?b=@c";
    r.referer = "https://user:hunter2@else.example/";
    r.host = "user:hunter2@shop.example";
    const auto line = line_of(r);
    EXPECT_EQ(line.find("hunter2"), std::string::npos) << line;
    EXPECT_EQ(boost::json::parse(line).at("target"), "http://shop.example/a?b=@c");
    r.target = "/@user/a";
    EXPECT_EQ(json_of(r).at("target"), "/@user/a");
    EXPECT_EQ(line_of(r, log_format::text).find("hunter2"), std::string::npos);
}

TEST_F(AccessLog, TenThousandRequestsOfManyThreadsAreTenThousandParsableLines)
{
    constexpr int workers = 4;
    constexpr int each = 2'500;
    const auto lost_before = lost_lines();
    {
        access_log log(options(), logger());
        std::vector<std::thread> threads;
        for (int t = 0; t < workers; ++t) {
            threads.emplace_back([&log, t] {
                auto lane = log.open_lane();
                for (int i = 0; i < each; ++i) {
                    const auto id = std::to_string(t) + '-' + std::to_string(i);
                    auto r = usual();
                    r.request_id = id;
                    lane.write(r);
                    if (i % 100 == 0) { log.flush(); }
                }
            });
        }
        for (auto& t : threads) { t.join(); }
    }
    std::set<std::string> ids;
    const auto all = lines();
    for (const auto& line : all) { ids.insert(std::string(boost::json::parse(line).at("request_id").as_string())); }
    EXPECT_EQ(all.size(), static_cast<std::size_t>(workers * each));
    EXPECT_EQ(ids.size(), all.size());
    EXPECT_EQ(lost_lines(), lost_before);
}

TEST_F(AccessLog, AFileThatTakesNothingHoldsNobodyUpAndEachLostLineIsCounted)
{
    const auto pipe = dir_.path() / "pipe";
    ASSERT_EQ(::mkfifo(pipe.c_str(), 0600), 0);
    const int reader = ::open(pipe.c_str(), O_RDONLY | O_NONBLOCK | O_CLOEXEC);
    ASSERT_GE(reader, 0);
    auto o = options();
    o.file = pipe;
    manual_clock clock;
    log_options main_log;
    main_log.file = dir_.path() / "main.log";
    logs all(main_log, clock);
    const auto lost_before = lost_lines();
    constexpr int written = 20'000;   // several times what pipe and ring hold
    std::uint64_t read = 0;
    auto log = std::make_unique<access_log>(o, all.get("access_log"));
    {
        auto lane = log->open_lane();
        for (int i = 0; i < written; ++i) { lane.write(usual()); }   // nobody reads: would hang if it could wait
    }
    std::thread drain([&] {
        ::fcntl(reader, F_SETFL, 0);
        std::array<char, 65536> buffer;
        for (ssize_t n = 0; (n = ::read(reader, buffer.data(), buffer.size())) > 0;) {
            read += static_cast<std::uint64_t>(std::count(buffer.data(), buffer.data() + n, '\n'));
        }
    });
    log.reset();   // writes the rest and closes the pipe
    drain.join();
    ::close(reader);
    all.stop();
    const auto lost = lost_lines() - lost_before;
    EXPECT_GT(lost, 0u);
    EXPECT_EQ(read + lost, static_cast<std::uint64_t>(written));
    EXPECT_NE(test::read_file(main_log.file).find("access log lines were lost"), std::string::npos);
}

TEST_F(AccessLog, AFullDiskCountsItsLinesAsLostAndSaysSo)
{
    auto o = options();
    o.file = "/dev/full";
    log_options main_log;
    main_log.file = dir_.path() / "main.log";
    const manual_clock clock;
    logs all(main_log, clock);
    const auto before = lost_lines();
    {
        access_log log(o, all.get("access_log"));
        auto lane = log.open_lane();
        for (int i = 0; i < 10; ++i) { lane.write(usual()); }
        log.flush();
        EXPECT_EQ(lost_lines() - before, 10u);
    }
    all.stop();
    EXPECT_NE(test::read_file(main_log.file).find("lost lines=10 reason=No space left on device"), std::string::npos);
}

TEST_F(AccessLog, ReopenedWritesToTheNewFile)
{
    access_log log(options(), logger());
    auto lane = log.open_lane();
    lane.write(usual());
    log.flush();
    std::filesystem::rename(path(), path() + ".1");
    log.reopen();
    log.flush();   // the file is there even before the next line
    EXPECT_TRUE(std::filesystem::exists(path()));
    lane.write(usual());
    lane.write(usual());
    log.flush();
    EXPECT_EQ(lines_of(test::read_file(path() + ".1")).size(), 1u);
    EXPECT_EQ(lines().size(), 2u);
}

TEST_F(AccessLog, LinesComeWithoutFlushing)
{
    access_log log(options(), logger());
    auto lane = log.open_lane();
    lane.write(usual());
    while (std::filesystem::file_size(path()) == 0) { std::this_thread::yield(); }
    EXPECT_EQ(lines().size(), 1u);
}

TEST_F(AccessLog, ALaneThatEndsLosesNothing)
{
    access_log log(options(), logger());
    for (int i = 0; i < 100; ++i) {
        auto lane = log.open_lane();
        lane.write(usual());
    }
    log.flush();
    EXPECT_EQ(lines().size(), 100u);
}

TEST_F(AccessLog, ALaneMayOutliveTheLog)
{
    access_log::lane lane;
    lane.write(usual());
    {
        access_log log(options(), logger());
        lane = log.open_lane();
        lane.write(usual());
    }
    lane.write(usual());
    EXPECT_EQ(lines().size(), 1u);
}

TEST_F(AccessLog, OffWritesNothing)
{
    auto o = options();
    o.file = "off";
    access_log log(o, logger());
    EXPECT_FALSE(log.enabled());
    log.open_lane().write(usual());
    log.reopen();
    log.flush();
    log.stop();
    EXPECT_FALSE(std::filesystem::exists("off"));
}

TEST_F(AccessLog, ASampleIsAboutTheShareThatWasAskedFor)
{
    for (const auto& [share, least, most] : {std::tuple{0.0, 0u, 0u}, std::tuple{0.1, 700u, 1300u}, std::tuple{1.0, 10'000u, 10'000u}}) {
        std::filesystem::remove(path());
        auto o = options();
        o.sample = share;
        access_log log(o, logger());
        auto lane = log.open_lane();
        for (int i = 0; i < 10'000; ++i) {
            lane.write(usual());
            if (i % 100 == 0) { log.flush(); }
        }
        log.stop();
        EXPECT_GE(lines().size(), least) << share;
        EXPECT_LE(lines().size(), most) << share;
    }
}

}  // namespace
}  // namespace tiercel::telemetry
