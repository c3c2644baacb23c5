#include "support/proxy.hpp"

#include <gmock/gmock.h>

#include <stdlib.h>

using namespace tiercel::test;

TEST(SumMetric, AddsTheSeriesThatHaveTheLabels)
{
    const std::string text = "# HELP tiercel_requests_total Client requests.\n"
                             "# TYPE tiercel_requests_total counter\n"
                             "tiercel_requests_total{route=\"a\",outcome=\"miss\"} 2\n"
                             "tiercel_requests_total{route=\"b\",outcome=\"miss\"} 3\n"
                             "tiercel_requests_total{route=\"b \\\"x\\\"\",outcome=\"hit_l1\"} 4\n"
                             "tiercel_requests_total_other 100\n"
                             "tiercel_l1_bytes 1.5e3\n";
    EXPECT_EQ(sum_metric(text, "tiercel_requests_total", {}), 9);
    EXPECT_EQ(sum_metric(text, "tiercel_requests_total", {{"outcome", "miss"}}), 5);
    EXPECT_EQ(sum_metric(text, "tiercel_requests_total", {{"route", "b"}, {"outcome", "miss"}}), 3);
    EXPECT_EQ(sum_metric(text, "tiercel_requests_total", {{"route", "b \"x\""}}), 4);
    EXPECT_EQ(sum_metric(text, "tiercel_requests_total", {{"tenant", "t"}}), 0);
    EXPECT_EQ(sum_metric(text, "tiercel_l1_bytes", {}), 1500);
}

TEST(SumMetric, RefusesTextThatIsNoExposition)
{
    for (const char* text : {"a", "a{b} 1", "a{b=\"c} 1", "a{b=\"c\"}1", "a x", "a{b=\"c\\"}) {
        EXPECT_THROW(sum_metric(text, "a", {}), protocol_error) << text;
    }
}

// A stand-in for the binary: prints the configuration that it was given, and ends.
TEST(Proxy, FillsInAddressesAndTellsWhyTheProgramDidNotStart)
{
    const temp_dir dir;
    const auto script = dir.write("tiercel", "#!/bin/sh\ncat \"$3\"\nexit 2\n");
    std::filesystem::permissions(script, std::filesystem::perms::owner_all);
    ::setenv("TIERCEL_BIN", script.c_str(), 1);
    try {
        proxy p("routes:\n  - path: /x\n");
        ADD_FAILURE();
    } catch (const std::runtime_error& e) {
        EXPECT_THAT(e.what(), testing::HasSubstr("address: 127.0.0.1:"));
        EXPECT_THAT(e.what(), testing::HasSubstr("path: /x"));
    }
    proxy refused(proxy_options{.configuration = "admin: {listen: \"unix:/x\"}\n", .wait_until_ready = false});
    EXPECT_EQ(refused.process().wait().code, 2);
    EXPECT_THAT(refused.log(), testing::HasSubstr("listen: unix:/x"));
    EXPECT_EQ(run_tiercel({"a", "b", "c"}).status.code, 2);
    ::unsetenv("TIERCEL_BIN");
}
