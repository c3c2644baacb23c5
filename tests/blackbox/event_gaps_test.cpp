// Events that were lost on their way to the real program: everything that it has stored expires, once.

#include "blackbox/channel_witnesses.hpp"
#include "blackbox/setting.hpp"
#include "support/redis_server.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <csignal>
#include <sstream>

namespace tiercel::test {
namespace {

using namespace std::chrono_literals;
using namespace std::string_literals;

class EventGaps : public testing::Test {
protected:
    void SetUp() override
    {
        if (!redis_server::available()) { GTEST_SKIP() << "redis-server is not installed"; }
        redis_ = std::make_unique<redis_server>();
    }
    std::string yaml_for(const std::string& source, const std::string& more = "") const
    {
        setting s{.origin_url = origin_.url()};
        s.server = "{threads: 1}";
        s.cache = "{l2: {url: \"" + redis_->url() + "\", timeout: 5s}}";
        s.more = "invalidation: {sources: [{label: feed, scope: all, " + source + "}]" + more + "}\n";
        return s.yaml();
    }
    void start(const std::string& source)
    {
        proxy_ = std::make_unique<proxy>(yaml_for(source));
        ASSERT_TRUE(eventually([&] { return works(); })) << proxy_->log();
        ASSERT_TRUE(proxy_->wait_until_well());
    }
    void start_stream()
    {
        start("kind: redis_stream, stream: feed");
        ASSERT_TRUE(eventually([&] { return redis_->command({"XINFO", "GROUPS", "feed"}).elements.size() == 1; }));
    }
    static boost::json::object source_of(const proxy& p)
    {
        return boost::json::parse(p.admin("GET", "/v1/sources").body).as_object().at("sources").as_array().at(0).as_object();
    }
    static std::int64_t gaps_of(const proxy& p) { return source_of(p).at("gaps").to_number<std::int64_t>(); }
    boost::json::object source() const { return source_of(*proxy_); }
    bool works() const { return source().at("works") == true; }
    std::int64_t gaps() const { return gaps_of(*proxy_); }
    bool says_in_log(const std::string& text) const
    {
        const std::string all = proxy_->log();
        return all.find("events were lost, everything expires source=feed " + text) != std::string::npos;
    }
    double applied() const { return proxy_->metric("events_total", {{"source", "feed"}, {"result", "applied"}}); }
    double lag() const { return proxy_->metric("invalidation_lag_seconds", {{"source", "feed"}}); }
    void fill() const
    {
        ASSERT_TRUE(eventually([&] { return is_stored(); }));
    }
    bool is_stored() const { return proxy_->get("/page/kept?ttl=600").raw_head.find("hit;") != std::string::npos; }

    static std::string change(int page)
    {
        const std::string n = std::to_string(page);
        return R"({"specversion":"1.0","source":"/c","id":")" + n + R"(","type":"tiercel.invalidate.v1","data":{"scopes":[{"kind":"tag","name":"page-)" + n +
               R"("}]}})";
    }
    // In one step; the stream keeps `most` of all it has.
    void add(int from, int to, int most = 1000)
    {
        std::vector<std::string> words{"EVAL",
                                       "for i = 2, #ARGV do redis.call('XADD', KEYS[1], 'MAXLEN', ARGV[1], '*', 'event', ARGV[i]) end return 1",
                                       "1", "feed", std::to_string(most)};
        for (int i = from; i < to; ++i) { words.push_back(change(i)); }
        redis_->command(words);
    }
    // Nothing can be appended to the log of invalidations, until it is whole again.
    void break_log()
    {
        redis_->command({"RENAME", "tcl:{inv}:table", "kept"});
        redis_->command({"SET", "tcl:{inv}:table", "no table"});
    }
    void mend_log() { redis_->command({"RENAME", "kept", "tcl:{inv}:table"}); }
    // The first entry of the log of invalidations that says so, by its place; none: the number of entries.
    std::size_t place_in_log(const std::string& text)
    {
        const std::vector<redis_reply> all = redis_->command({"XRANGE", "tcl:{inv}:log", "-", "+"}).elements;
        const auto says = [&](const redis_reply& entry) {
            const auto& fields = entry.elements.at(1).elements;
            return std::any_of(fields.begin(), fields.end(), [&](const redis_reply& f) { return f.text.find(text) != std::string::npos; });
        };
        return static_cast<std::size_t>(std::find_if(all.begin(), all.end(), says) - all.begin());
    }
    std::size_t unacknowledged() { return static_cast<std::size_t>(redis_->command({"XPENDING", "feed", "tiercel"}).elements.at(0).integer); }

    origin_process origin_;
    std::unique_ptr<redis_server> redis_;
    std::unique_ptr<proxy> proxy_;
};

TEST_F(EventGaps, WhatAStreamHasLostWhileNobodyReadItExpiresEverythingOnce)
{
    start_stream();
    add(0, 5);
    ASSERT_TRUE(eventually([&] { return applied() == 5; }));
    fill();
    EXPECT_EQ(gaps(), 0);
    ASSERT_TRUE(proxy_->stop().ok());
    add(5, 15, 3);   // 12, 13 and 14 are left
    proxy_->start();
    ASSERT_TRUE(eventually([&] { return gaps() == 1 && applied() == 3; })) << boost::json::serialize(source());
    EXPECT_FALSE(is_stored());
    EXPECT_EQ(proxy_->metric("event_gaps_total", {{"source", "feed"}}), 1);
    const std::string audit = proxy_->admin("GET", "/v1/invalidations").body;
    EXPECT_NE(audit.find("gap: 7 entries were trimmed"), std::string::npos) << audit;
    EXPECT_TRUE(eventually([&] { return says_in_log("reason=\"7 entries were trimmed before they were read\""); })) << proxy_->log();
    fill();
    add(15, 20);
    ASSERT_TRUE(eventually([&] { return applied() == 8; }));
    proxy_->restart();
    ASSERT_TRUE(eventually([&] { return works(); }));
    add(20, 21);
    ASSERT_TRUE(eventually([&] { return applied() == 1; }));
    EXPECT_EQ(gaps(), 0) << "it was seen to, also for those who come later";
    EXPECT_TRUE(is_stored());
}

TEST_F(EventGaps, WhatIsTrimmedFasterThanItIsReadExpiresEverything)
{
    start_stream();
    fill();
    add(0, 50, 10);
    ASSERT_TRUE(eventually([&] { return gaps() == 1 && applied() == 10; })) << boost::json::serialize(source());
    EXPECT_FALSE(is_stored());
}

// While it is not read to its end what was lost can be told only before more of it is read: under a flood that lasts, never.
TEST_F(EventGaps, WhatIsTrimmedWhileItsReaderIsBehindExpiresEverythingBeforeItReadsOn)
{
    start_stream();
    fill();
    break_log();
    add(0, 1100, 2000);
    ASSERT_TRUE(eventually([&] { return lag() >= 1; })) << "it has seen to what it has read, and waits";
    const std::size_t read = unacknowledged();
    ASSERT_LT(read, 1300u);
    add(1100, 2300, 1000);   // the last thousand are left, of which it reads half before it stands at the end
    mend_log();
    ASSERT_TRUE(eventually([&] { return applied() == static_cast<double>(read + 1000); })) << boost::json::serialize(source());
    EXPECT_EQ(gaps(), 1);
    const std::size_t gap = place_in_log("gap: " + std::to_string(1300 - read) + " entries were trimmed");
    EXPECT_LT(gap, place_in_log("tag:page-1300"));
    EXPECT_LT(gap, place_in_log("tag:page-2200"));
    EXPECT_FALSE(is_stored());
}

// What it has read and cannot carry out yet it has to keep in memory.
TEST_F(EventGaps, AStreamIsReadNoFurtherWhileManyInvalidationsWaitForRedis)
{
    start_stream();
    break_log();
    add(0, 3000, 3000);
    // Since the first read nothing was carried out: that is the lag.
    ASSERT_TRUE(eventually([&] { return lag() >= 1.5; }));
    EXPECT_GE(unacknowledged(), 512u);
    EXPECT_LE(unacknowledged(), 1536u);
    mend_log();
    EXPECT_TRUE(eventually([&] { return applied() == 3000 && unacknowledged() == 0; })) << boost::json::serialize(source());
    EXPECT_EQ(gaps(), 0);
}

TEST_F(EventGaps, AStreamThatLosesOnlyWhatWasReadHasNone)
{
    start_stream();
    fill();
    for (int i = 0; i < 20; ++i) {
        add(i, i + 1, 1);
        ASSERT_TRUE(eventually([&] { return applied() == i + 1; }));
    }
    redis_->command({"XTRIM", "feed", "MAXLEN", "0"});
    add(20, 21);
    ASSERT_TRUE(eventually([&] { return applied() == 21; }));
    proxy_->restart();
    ASSERT_TRUE(eventually([&] { return works(); }));
    add(21, 22, 1);
    ASSERT_TRUE(eventually([&] { return applied() == 1; }));
    EXPECT_EQ(gaps(), 0);
    EXPECT_TRUE(is_stored());
}

// Which does not bring back what the groups have read.
TEST_F(EventGaps, ARestartOfRedisWithItsDataIsNoLoss)
{
    redis_ = std::make_unique<redis_server>(std::vector<std::string>{"--appendonly", "yes", "--appendfsync", "always"});
    start_stream();
    add(0, 5, 3);
    add(5, 6, 1);
    for (int i = 6; i < 20; ++i) {
        ASSERT_TRUE(eventually([&] { return unacknowledged() == 0; }));
        add(i, i + 1, 1);
    }
    ASSERT_TRUE(eventually([&] { return unacknowledged() == 0; }));
    fill();
    const std::int64_t before = gaps();
    redis_->restart();
    add(20, 21, 1);
    ASSERT_TRUE(eventually([&] { return unacknowledged() == 0 && works(); }));
    ASSERT_TRUE(eventually([&] { return is_stored(); }));
    EXPECT_EQ(gaps(), before);
    add(21, 31, 3);   // what is lost from then on is noticed
    EXPECT_TRUE(eventually([&] { return gaps() == before + 1; }));
}

TEST_F(EventGaps, AGroupThatSomebodyElseHasMadeIsNoLoss)
{
    add(0, 5, 3);
    redis_->command({"XGROUP", "CREATE", "feed", "tiercel", "$"});
    start_stream();
    add(5, 9);
    ASSERT_TRUE(eventually([&] { return applied() == 4; }));
    add(9, 10, 1);
    ASSERT_TRUE(eventually([&] { return applied() == 5; }));
    EXPECT_EQ(gaps(), 0);
}

TEST_F(EventGaps, WhatWasReadAndTrimmedBeforeItWasCarriedOutExpiresEverything)
{
    start_stream();
    fill();
    break_log();
    add(0, 3);
    ASSERT_TRUE(eventually([&] { return unacknowledged() == 3; }));
    proxy_->kill();
    mend_log();
    for (const redis_reply& r : redis_->command({"XPENDING", "feed", "tiercel", "-", "+", "10"}).elements) {
        redis_->command({"XCLAIM", "feed", "tiercel", "gone", "0", r.elements.at(0).text, "IDLE", "60000", "JUSTID"});
    }
    redis_->command({"XTRIM", "feed", "MAXLEN", "0"});
    proxy_->start();
    ASSERT_TRUE(eventually([&] { return gaps() == 1 && unacknowledged() == 0; })) << boost::json::serialize(source());
    EXPECT_EQ(proxy_->metric("events_total", {{"source", "feed"}, {"result", "dropped"}}), 3);
    EXPECT_FALSE(is_stored());
}

TEST_F(EventGaps, AGroupThatIsGoneExpiresEverything)
{
    start_stream();
    add(0, 3);
    ASSERT_TRUE(eventually([&] { return applied() == 3; }));
    fill();
    redis_->command({"XGROUP", "DESTROY", "feed", "tiercel"});
    ASSERT_TRUE(eventually([&] { return gaps() == 1; })) << boost::json::serialize(source());
    EXPECT_FALSE(is_stored());
    add(3, 5);
    EXPECT_TRUE(eventually([&] { return applied() == 5; })) << "what there was is read again and known";
}

TEST_F(EventGaps, AGroupThatIsGoneBeforeAnythingWasReadExpiresEverything)
{
    start_stream();
    fill();
    redis_->command({"XGROUP", "DESTROY", "feed", "tiercel"});
    ASSERT_TRUE(eventually([&] { return gaps() == 1; })) << boost::json::serialize(source());
    EXPECT_FALSE(is_stored());
}

TEST_F(EventGaps, AGroupThatWentWhileNobodyRanExpiresEverything)
{
    start_stream();
    fill();
    ASSERT_TRUE(eventually([&] { return redis_->keys("*:e").size() == 1; }));
    proxy_->kill();
    add(0, 2);
    redis_->command({"DEL", "feed"});
    proxy_->start();
    ASSERT_TRUE(eventually([&] { return gaps() == 1; })) << boost::json::serialize(source());
    EXPECT_TRUE(eventually([&] { return !is_stored(); }));
    add(2, 4);
    EXPECT_TRUE(eventually([&] { return applied() == 2; }));
}

TEST_F(EventGaps, AChannelThatWasNotHeardForAWhileExpiresEverything)
{
    start("kind: redis_pubsub, channel: news");
    fill();
    EXPECT_EQ(gaps(), 0);
    redis_->command({"CLIENT", "KILL", "TYPE", "pubsub"});
    ASSERT_TRUE(eventually([&] { return gaps() == 1; })) << boost::json::serialize(source());
    ASSERT_TRUE(eventually([&] { return !is_stored(); }));
    ASSERT_TRUE(eventually([&] { return works(); }));
    EXPECT_EQ(proxy_->metric("event_gaps_total", {{"source", "feed"}}), 1);
    EXPECT_NE(proxy_->admin("GET", "/v1/invalidations").body.find("gap: nobody heard the channel"), std::string::npos);
    EXPECT_TRUE(eventually([&] { return says_in_log("reason=\"nobody heard the channel for a while\""); })) << proxy_->log();
    redis_->command({"PUBLISH", "news", change(1)});
    EXPECT_TRUE(eventually([&] { return applied() == 1; }));
    EXPECT_EQ(gaps(), 1);
}

// ---- a channel, from one start to the next

class ChannelGaps : public EventGaps {
protected:
    // With answers in memory and in Redis.
    void begin()
    {
        start(channel);
        fill();
        ASSERT_TRUE(eventually([&] { return redis_->keys("*:e").size() == 1; }));
        ASSERT_TRUE(eventually([&] { return are_sure(1); }));
        EXPECT_EQ(gaps(), 0) << "the first start is now";
    }
    // Another, while the first goes on, as configurations are changed.
    std::int64_t gaps_of_changed(const std::string& source, const std::string& more = "")
    {
        const proxy p(yaml_for(source, more));
        const auto is_known = [&] { return source_of(p).at("known") == true; };
        EXPECT_TRUE(eventually(is_known)) << p.log();
        return gaps_of(p);
    }
    std::unique_ptr<proxy> start_another()
    {
        auto p = std::make_unique<proxy>(yaml_for(channel));
        EXPECT_TRUE(eventually([&] { return source_of(*p).at("works") == true; }));
        EXPECT_TRUE(p->wait_until_well());
        EXPECT_TRUE(eventually([&] { return are_sure(2); }));
        return p;
    }
    bool are_sure(int n) { return all_is_known(*redis_, "feed", n); }
    std::int64_t publish(int page) { return redis_->command({"PUBLISH", "news", change(page)}).integer; }
    bool is_stored_in(const proxy& p, const std::string& target) const { return p.get(target).raw_head.find("hit;") != std::string::npos; }
    bool expires_everything_once()
    {
        return eventually([&] { return gaps() == 1 && !is_stored(); }) && eventually([&] { return is_stored(); });
    }

    static constexpr const char* channel = "kind: redis_pubsub, channel: news";
};

TEST_F(ChannelGaps, WhatIsPublishedWhileNobodyRunsExpiresEverything)
{
    begin();
    ASSERT_TRUE(proxy_->stop().ok());
    EXPECT_EQ(publish(1), 0) << "nobody has heard it";
    proxy_->start();
    EXPECT_TRUE(expires_everything_once()) << boost::json::serialize(source());
    EXPECT_EQ(proxy_->metric("event_gaps_total", {{"source", "feed"}}), 1);
    const std::string audit = proxy_->admin("GET", "/v1/invalidations").body;
    EXPECT_NE(audit.find("gap: nobody heard the channel"), std::string::npos) << audit;
}

TEST_F(ChannelGaps, ACrashIsNoBetter)
{
    begin();
    proxy_->kill();
    publish(1);
    proxy_->start();
    EXPECT_TRUE(expires_everything_once()) << boost::json::serialize(source());
}

TEST_F(ChannelGaps, WhoeverElseHearsTheChannelHidesNone)
{
    begin();
    byte_stream somebody(connect_to("127.0.0.1", redis_->port()));
    somebody.send("SUBSCRIBE news\r\n");
    somebody.read_until(":1\r\n", 1000);
    byte_stream curious(connect_to("127.0.0.1", redis_->port()));
    curious.send("PSUBSCRIBE *\r\n");
    curious.read_until(":1\r\n", 1000);
    ASSERT_TRUE(proxy_->stop().ok());
    EXPECT_EQ(publish(1), 2);
    proxy_->start();
    EXPECT_TRUE(expires_everything_once()) << boost::json::serialize(source());
}

TEST_F(ChannelGaps, WhatAnotherInstanceHasHeardIsNoGap)
{
    begin();
    const auto other = start_another();
    for (const char* page : {"/page/1?ttl=600", "/page/kept?ttl=600"}) {
        ASSERT_TRUE(eventually([&] { return is_stored_in(*other, page); }));
    }
    ASSERT_TRUE(proxy_->stop().ok());
    EXPECT_EQ(publish(1), 1);
    ASSERT_TRUE(eventually([&] { return other->metric("events_total", {{"source", "feed"}, {"result", "applied"}}) == 1; }));
    proxy_->start();
    ASSERT_TRUE(eventually([&] { return works() && are_sure(2); }));
    EXPECT_EQ(gaps(), 0);
    EXPECT_EQ(gaps_of(*other), 0);
    EXPECT_TRUE(is_stored());
    EXPECT_FALSE(is_stored_in(*proxy_, "/page/1?ttl=600"));
    ASSERT_TRUE(other->stop().ok());
    publish(2);
    EXPECT_EQ(gaps(), 0);
    EXPECT_TRUE(eventually([&] { return applied() == 1; })) << "and what it has heard itself is carried out";
}

TEST_F(ChannelGaps, WhoeverHearsAnotherChannelUnderTheSameLabelHasNotHeardThis)
{
    begin();
    EXPECT_EQ(gaps_of_changed(channel), 0);
    EXPECT_EQ(gaps_of_changed("kind: redis_pubsub, channel: newer"), 1);
    EXPECT_TRUE(eventually([&] { return proxy_->admin("GET", "/v1/invalidations").body.find("gap: nobody heard the channel") != std::string::npos; }));
    EXPECT_EQ(gaps(), 0);
}

TEST_F(ChannelGaps, WhoeverMakesSomethingElseOfTheEventsHasNotCarriedThemOut)
{
    begin();
    EXPECT_EQ(gaps_of_changed(channel, ", rules: [{on: page.changed, invalidate: [{tag: \"page-{data.id}\"}]}]"), 1);
    EXPECT_EQ(gaps(), 0);
}

// Of any length, by whoever may publish there.
TEST_F(ChannelGaps, NoQuestionsWithLongNamesAreAnswered)
{
    begin();
    const std::string asked = witness_channel(*redis_, "feed");
    byte_stream answers(connect_to("127.0.0.1", redis_->port()));
    answers.send("SUBSCRIBE " + asked + "\r\n");
    answers.read_until(":1\r\n", 1'000);
    for (const std::size_t length : {1'000u, 65u, 64u}) { redis_->command({"PUBLISH", asked, "?" + std::string(length, 'n')}); }
    std::string answer;
    while (!answer.ends_with("\n+" + std::string(64, 'n') + "\r\n")) {
        answer = answers.read_until("n\r\n", 10'000);
        EXPECT_EQ(answer.find("\n+" + std::string(65, 'n')), std::string::npos) << answer;
    }
}

TEST_F(ChannelGaps, AnInstanceThatHangsHasHeardNothing)
{
    begin();
    const auto other = start_another();
    ASSERT_TRUE(proxy_->stop().ok());
    other->process().send_signal(SIGSTOP);
    EXPECT_EQ(publish(1), 1);   // to Redis it looks as if it had
    proxy_->start();
    EXPECT_TRUE(expires_everything_once()) << boost::json::serialize(source());
}

TEST_F(ChannelGaps, OfOneInstanceAmongOthersALostConnectionIsNone)
{
    begin();
    const auto other = start_another();
    const std::string clients = redis_->command({"CLIENT", "LIST", "TYPE", "pubsub"}).text;
    std::vector<std::string> ids;   // of those that hear the events, the oldest first
    std::istringstream lines(clients);
    for (std::string line; std::getline(lines, line);) {
        if (line.find("name=tiercel-events") != std::string::npos) { ids.push_back(line.substr(3, line.find(' ') - 3)); }
    }
    ASSERT_EQ(ids.size(), 2u) << clients;
    redis_->command({"CLIENT", "KILL", "ID", ids[0]});
    ASSERT_TRUE(eventually([&] { return redis_->command({"PUBSUB", "NUMSUB", "news"}).elements.at(1).integer == 2; }));
    ASSERT_TRUE(eventually([&] { return works() && are_sure(2); }));
    EXPECT_EQ(gaps(), 0);
    EXPECT_TRUE(is_stored());
    redis_->command({"CLIENT", "KILL", "TYPE", "pubsub"});
    EXPECT_TRUE(eventually([&] { return gaps() + gaps_of(*other) > 0 && !is_stored(); })) << "of all of them it is one";
}

TEST_F(ChannelGaps, WhoeverMayNotAskTheOthersTakesItForOne)
{
    begin();
    redis_->command({"ACL", "SETUSER", "default", "resetchannels", "&news", "&tcl:wake"});
    proxy_->restart();
    EXPECT_TRUE(expires_everything_once()) << boost::json::serialize(source());
    EXPECT_NE(proxy_->log().find("cannot be asked on tcl:heard:feed:"), std::string::npos) << proxy_->log();
    EXPECT_NE(proxy_->log().find(": NOPERM"), std::string::npos) << proxy_->log();
    ASSERT_TRUE(eventually([&] { return works(); }));
    publish(1);
    EXPECT_TRUE(eventually([&] { return applied() == 1; }));
}

}  // namespace
}  // namespace tiercel::test
