// Feeds over HTTP that the real program asks for events, and all that may happen to either of them meanwhile.

#include "blackbox/setting.hpp"
#include "support/feed_link.hpp"
#include "support/fake_origin.hpp"
#include "support/redis_server.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <chrono>
#include <ctime>
#include <filesystem>
#include <fstream>
#include <mutex>
#include <set>

namespace tiercel::test {
namespace {

using namespace std::chrono_literals;
using namespace std::string_literals;

// So long from now, which is later than what a first start passes over.
std::string stamp_in(std::chrono::seconds ahead)
{
    const std::time_t at = std::chrono::system_clock::to_time_t(std::chrono::system_clock::now() + ahead);
    std::tm parts{};
    gmtime_r(&at, &parts);
    std::array<char, 32> out{};
    return std::string(out.data(), std::strftime(out.data(), out.size(), "%Y-%m-%dT%H:%M:%S.000Z", &parts));
}

std::string parameter_of(const std::string& target, const std::string& name)
{
    const std::size_t at = target.find(name + "=");
    if (at == target.npos) { return {}; }
    const std::string value = target.substr(at + name.size() + 1, target.find('&', at) - at - name.size() - 1);
    std::string out;
    for (std::size_t i = 0; i < value.size(); ++i) {
        const bool escape = value[i] == '%';
        out.push_back(escape ? static_cast<char>(std::stoi(value.substr(i + 1, 2), nullptr, 16)) : value[i]);
        i += escape ? 2 : 0;
    }
    return out;
}

void write(const std::filesystem::path& file, const std::string& text) { std::ofstream(file) << text; }

std::string ok(const std::string& body, const std::string& fields = {})
{
    return "HTTP/1.1 200 OK\r\nContent-Type: application/cloudevents-batch+json\r\n" + fields + "Content-Length: " + std::to_string(body.size()) +
           "\r\n\r\n" + body;
}
std::string status(int code, const std::string& body = {})
{
    return "HTTP/1.1 " + std::to_string(code) + " So\r\nContent-Length: " + std::to_string(body.size()) + "\r\n\r\n" + body;
}

// A feed of changes of numbered pages, by id (/ids) and by time (/times), some at a time. Thread: any.
class feed {
public:
    feed()
    {
        origin_.others().answer([this](const http_request& r) { return origin_bytes(answer(r)); });
    }
    std::string url() const { return origin_.url(); }
    fake_origin& origin() { return origin_; }

    // All of one stamp.
    void add(int from, int to) { add(from, to, soon_); }
    void add(int from, int to, const std::string& stamp)
    {
        const std::lock_guard hold(mutex_);
        append(from, to, stamp);
    }
    const std::string& soon() const noexcept { return soon_; }
    void pages_of(std::size_t n) { set([&] { most_ = n; }); }
    void with_links(bool on) { set([&] { links_ = on; }); }
    // The oldest are gone, and it does not know where they ended.
    void forget_all() { set([&] { events_.clear(); gone_ = true; }); }
    // Only who shows that token is answered; empty: everybody.
    void want_token(const std::string& t) { set([&] { wanted_ = t; }); }
    // Gives tokens at /token from now on, and wants the newest of them.
    void issue_tokens(int seconds) { set([&] { issues_ = true; lasts_ = seconds; wanted_ = "none yet"; }); }
    std::string shown()
    {
        const std::lock_guard hold(mutex_);
        return shown_;
    }
    void refuse_to_issue(bool on) { set([&] { refuses_ = on; }); }
    // And those that it gives are of no use, or the newest is again.
    void refuse_every_token(bool on)
    {
        set([&] {
            refuses_all_ = on;
            wanted_ = on ? "none of these" : newest_;
        });
    }
    int issued() { return read([&] { return issued_; }); }
    int turned_away() { return read([&] { return turned_away_; }); }
    void ignore_parameters() { set([&] { ignores_ = true; }); }
    // What it answers instead; empty: as usual.
    void answer_with(const std::string& bytes) { set([&] { instead_ = bytes; leads_on_ = false; }); }
    // With each answer there is one more.
    void keep_adding(int from) { set([&] { next_ = from; }); }
    // Empty pages, and behind each of them another one.
    void lead_on() { set([&] { leads_on_ = true; }); }

private:
    struct one {
        std::string id, stamp, text;
    };
    // REQUIRES: the lock is held.
    void append(int from, int to, const std::string& stamp)
    {
        for (int i = from; i < to; ++i) {
            const std::string id = std::to_string(i);
            events_.push_back({"c/" + id, stamp,
                               R"({"specversion":"1.0","source":"/feed","type":"tiercel.invalidate.v1","id":"c/)" + id + R"(","time":")" + stamp +
                                   R"(","data":{"scopes":[{"kind":"tag","name":"page-)" + id + R"("}]}})"});
        }
    }
    template <class Look>
    int read(Look look)
    {
        const std::lock_guard hold(mutex_);
        return look();
    }
    std::string issue(const http_request& r)
    {
        const bool good = r.method == "POST" && r.header("Authorization") == "Basic dGllcmNlbDpoaWRkZW4tc2VjcmV0" && !refuses_ &&
                          r.header("Content-Type") == "application/x-www-form-urlencoded" && r.body == "grant_type=client_credentials&scope=feeds";
        if (!good) { return status(refuses_ ? 503 : 400); }
        newest_ = "issued-token-" + std::to_string(++issued_);
        if (!refuses_all_) { wanted_ = newest_; }
        const std::string body = R"({"access_token":")" + newest_ + R"(","token_type":"Bearer","expires_in":)" + std::to_string(lasts_) + "}";
        return "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: " + std::to_string(body.size()) + "\r\n\r\n" + body;
    }
    template <class Change>
    void set(Change change)
    {
        const std::lock_guard hold(mutex_);
        change();
    }
    std::string answer(const http_request& r)
    {
        const std::lock_guard hold(mutex_);
        if (issues_ && r.target == "/token") { return issue(r); }
        shown_ = r.header("Authorization").value_or("");
        if (!wanted_.empty() && r.header("Authorization") != "Bearer " + wanted_) {
            ++turned_away_;
            return status(401);
        }
        if (!instead_.empty()) { return instead_; }
        if (leads_on_) { return ok("[]", "Link: </ids?page=" + std::to_string(++pages_made_up_) + ">; rel=next\r\n"); }
        if (next_ != 0) {
            append(next_, next_ + 1, soon_);
            ++next_;
        }
        const bool by_time = r.target.starts_with("/times");
        if (!by_time && !r.target.starts_with("/ids")) { return status(404); }
        std::vector<one> all = events_;
        if (by_time) {
            std::stable_sort(all.begin(), all.end(), [](const one& a, const one& b) { return a.stamp < b.stamp; });
        }
        const std::string after = ignores_ ? std::string() : parameter_of(r.target, by_time ? "since" : "lastEventId");
        std::size_t at = 0;
        while (!after.empty() && at < all.size() && (by_time ? all[at].stamp < after : all[at].id != after)) { ++at; }
        if (!by_time && !after.empty()) {
            if (at == all.size()) { return status(gone_ ? 410 : 404); }
            ++at;
        }
        const std::string offset = parameter_of(r.target, "offset");
        const std::size_t skipped = offset.empty() ? 0 : static_cast<std::size_t>(std::stoi(offset));
        at = std::min(at + skipped, all.size());
        std::string body = "[";
        std::size_t n = 0;
        for (; n < most_ && at + n < all.size(); ++n) { body += (n == 0 ? "" : ",") + all[at + n].text; }
        std::string link;
        if (links_ && at + n < all.size()) {
            const std::string plain = r.target.substr(0, r.target.find("&offset"));
            link = "Link: <" + plain + (plain.find('?') == plain.npos ? "?x=1" : "") + "&offset=" + std::to_string(skipped + n) + ">; rel=\"next\"\r\n";
        }
        return ok(body + "]", link);
    }

    std::mutex mutex_;
    const std::string soon_ = stamp_in(10min);
    std::vector<one> events_;
    std::size_t most_ = 1000;
    bool links_ = false;
    bool gone_ = false;
    bool ignores_ = false;
    std::string instead_;
    std::string wanted_;
    std::string shown_;
    std::string newest_;                   // of those that were issued
    bool issues_ = false;
    bool refuses_all_ = false;
    bool refuses_ = false;
    int lasts_ = 0;
    int issued_ = 0;
    int turned_away_ = 0;
    bool leads_on_ = false;
    int pages_made_up_ = 0;
    int next_ = 0;
    fake_origin origin_;   // last: its threads call us
};

class PolledFeeds : public testing::Test {
protected:
    void SetUp() override
    {
        if (!redis_server::available()) { GTEST_SKIP() << "redis-server is not installed"; }
        redis_ = std::make_unique<redis_server>();
        feed_.add(0, 3, "2020-01-01T00:00:00.000Z");
    }
    std::string yaml(const std::string& source, const std::string& redis) const
    {
        return "server: {threads: 1}\n"
               "cache: {l2: {url: \"" + redis + "\", timeout: 5s}}\n"
               "origins:\n"
               "  shop: {endpoints: [\"" + pages_.url() + "\"]}\n"
               "  feed: {endpoints: [\"" + feed_.url() + "\"], retry: {max: 0}, breaker: {failures: 100}}\n"
               "routes: [{name: lax, match: {path: /page/lax}, origin: shop},\n"
               "         {name: all, match: {path: /}, origin: shop, tags: [\"page-{path.2}\"]" + route_options_ + "}]\n"
               "log: {level: warn, access: {file: \"off\"}}\n"
               "invalidation: {" + invalidation_options_ + "\n"
               "  sources: [{label: polled, kind: poll, origin: feed, scope: all, interval: 100ms, " + source + "}]}\n";
    }
    std::unique_ptr<proxy> started(const std::string& source) { return started(source, redis_->url()); }
    std::unique_ptr<proxy> started(const std::string& source, const std::string& redis)
    {
        auto p = std::make_unique<proxy>(yaml(source, redis));
        EXPECT_TRUE(eventually([&] { return redis_->command({"HLEN", "tcl:{inv}:nodes"}).integer >= 1; })) << p->log();
        return p;
    }
    // The first look is over: what comes now counts.
    void start(const std::string& source)
    {
        proxy_ = started(source);
        ASSERT_TRUE(eventually([&] { return !cursor().empty(); })) << status_of(*proxy_);
    }
    std::string cursor() { return redis_->command({"GET", "tcl:cursor:polled"}).text; }
    boost::json::object source_of(const proxy& p) const
    {
        const auto all = boost::json::parse(p.admin("GET", "/v1/sources").body).as_object().at("sources").as_array();
        return all.at(0).as_object();
    }
    std::string status_of(const proxy& p) const { return boost::json::serialize(source_of(p)); }
    std::string problem_of(const proxy& p) const
    {
        const auto s = source_of(p);
        return s.contains("problem") ? std::string(s.at("problem").as_string()) : std::string();
    }
    // A killed reader leaves its lease to end by itself, which takes seconds.
    void kill_reader()
    {
        proxy_->kill();
        redis_->command({"DEL", "tcl:poller:polled"});
    }
    // Of all that the log says was invalidated: the pages, each once.
    std::set<int> pages_in_log()
    {
        std::set<int> out;
        for (const redis_reply& entry : redis_->command({"XRANGE", "tcl:{inv}:log", "-", "+"}).elements) {
            for (const redis_reply& f : entry.elements.at(1).elements) {
                if (const std::size_t at = f.text.find("tag:page-"); at != std::string::npos) { out.insert(std::stoi(f.text.substr(at + 9))); }
            }
        }
        return out;
    }
    static std::set<int> numbers(int from, int to)
    {
        std::set<int> out;
        for (int i = from; i < to; ++i) { out.insert(i); }
        return out;
    }
    bool took_effect(int from, int to)
    {
        return eventually([&] { return pages_in_log() == numbers(from, to); });
    }

    std::string invalidation_options_;   // "journal: {…}, "
    std::string route_options_;   // ", lag_budget: 2s"
    feed feed_;
    origin_process pages_;
    std::unique_ptr<redis_server> redis_;
    std::unique_ptr<proxy> proxy_;
};

constexpr const char* by_id = "path: /ids";
constexpr const char* by_time = "path: /times, cursor: time";

TEST_F(PolledFeeds, AFeedIsFollowedFromWhereItEndsAtTheFirstStart)
{
    start(by_id);
    EXPECT_EQ(cursor(), "c/2");
    ASSERT_TRUE(eventually([&] { return proxy_->get("/page/7?ttl=600").raw_head.find("hit;") != std::string::npos; }));
    feed_.add(7, 9);
    ASSERT_TRUE(took_effect(7, 9)) << status_of(*proxy_);
    EXPECT_TRUE(eventually([&] { return cursor() == "c/8"; }));
    EXPECT_EQ(proxy_->get("/page/7?ttl=600").raw_head.find("hit;"), std::string::npos);
    EXPECT_EQ(proxy_->metric("events_total", {{"source", "polled"}, {"result", "applied"}}), 2);
    const auto s = source_of(*proxy_);
    EXPECT_EQ(s.at("cursor"), "c/8");
    EXPECT_EQ(s.at("works"), true);
    EXPECT_TRUE(s.contains("last_contact"));
    EXPECT_FALSE(s.contains("last_error"));
}

TEST_F(PolledFeeds, WhatHappenedWhileNobodyWasThereIsReadAtTheNextStart)
{
    start(by_id);
    ASSERT_TRUE(proxy_->stop().ok());
    feed_.add(10, 20);
    proxy_->start();
    EXPECT_TRUE(took_effect(10, 20)) << status_of(*proxy_);
}

TEST_F(PolledFeeds, AnEmptyFeedIsReadFromItsBeginningOnceItHasOne)
{
    feed_.forget_all();
    proxy_ = started(by_id);
    ASSERT_TRUE(eventually([&] { return redis_->command({"EXISTS", "tcl:cursor:polled"}).integer == 1; })) << status_of(*proxy_);
    feed_.add(1, 4);
    EXPECT_TRUE(took_effect(1, 4)) << status_of(*proxy_);
}

TEST_F(PolledFeeds, FiftyChangesOfOneStampOverTwoPagesAllTakeEffect)
{
    feed_.pages_of(25);
    feed_.with_links(true);
    start(by_time);
    feed_.add(100, 150);
    EXPECT_TRUE(took_effect(100, 150)) << status_of(*proxy_);
    feed_.add(150, 160);   // of the same stamp, and the cursor is there already
    EXPECT_TRUE(took_effect(100, 160)) << status_of(*proxy_);
    EXPECT_TRUE(eventually([&] { return cursor() == feed_.soon(); }));
    // They are read again each time, and counted once.
    const int before = feed_.origin().requests();
    EXPECT_TRUE(eventually([&] { return feed_.origin().requests() > before + 12; }));
    EXPECT_EQ(proxy_->metric("events_total", {{"source", "polled"}}), 60);
    EXPECT_EQ(redis_->command({"XLEN", "tcl:dlq"}).integer, 0);
}

TEST_F(PolledFeeds, AStampFarAheadOfTheClockHidesNothingThatComesLater)
{
    start(by_time);
    feed_.add(5, 6, "2099-01-01T00:00:00.000Z");
    ASSERT_TRUE(took_effect(5, 6)) << status_of(*proxy_);
    feed_.add(6, 8);
    EXPECT_TRUE(eventually([&] { return pages_in_log() == numbers(5, 8); })) << status_of(*proxy_);
    EXPECT_TRUE(eventually([&] { return cursor() == feed_.soon(); }));
}

TEST_F(PolledFeeds, ManyPagesWithoutLinksAreReadOneAfterTheOther)
{
    feed_.pages_of(7);
    start(by_id);
    feed_.add(100, 200);
    EXPECT_TRUE(took_effect(100, 200)) << status_of(*proxy_);
}

// Faster than the interval a page with nothing new is not asked for again, whatever it claims.
TEST_F(PolledFeeds, AFeedThatKnowsNoCursorIsAskedNoMoreOften)
{
    feed_.ignore_parameters();
    start(by_id);
    feed_.add(5, 8);
    ASSERT_TRUE(took_effect(5, 8));
    const int before = feed_.origin().requests();
    const auto since = std::chrono::steady_clock::now();
    ASSERT_TRUE(eventually([&] { return feed_.origin().requests() >= before + 10; }));
    EXPECT_GT(std::chrono::steady_clock::now() - since, 700ms);
    EXPECT_EQ(proxy_->metric("events_total", {{"source", "polled"}}), 3);
}

TEST_F(PolledFeeds, PagesThatLeadInACircleEndTheLook)
{
    start(by_id);
    feed_.answer_with(ok("[]", "Link: </ids?lastEventId=c%2F2>; rel=next\r\n"));
    ASSERT_TRUE(eventually([&] { return problem_of(*proxy_) == "its pages lead in a circle"; })) << status_of(*proxy_);
    const int before = feed_.origin().requests();
    const auto since = std::chrono::steady_clock::now();
    ASSERT_TRUE(eventually([&] { return feed_.origin().requests() >= before + 10; }));
    EXPECT_GT(std::chrono::steady_clock::now() - since, 700ms);
    feed_.answer_with({});
    feed_.add(5, 6);
    EXPECT_TRUE(took_effect(5, 6));
}

TEST_F(PolledFeeds, PagesThatNeverEndEndTheLook)
{
    start(by_id);
    feed_.lead_on();
    ASSERT_TRUE(eventually([&] { return problem_of(*proxy_) == "its pages do not end"; })) << status_of(*proxy_);
    feed_.answer_with({});
    feed_.add(5, 6);
    EXPECT_TRUE(took_effect(5, 6));
}

// Each page moves the cursor, so there is always something new to be asked for. A look ends all the same, and what is known is told.
TEST_F(PolledFeeds, AFeedThatGrowsAsItIsReadEndsTheLook)
{
    start(by_id);
    const auto asked = [&] { return redis_->command({"GET", "tcl:asked:polled"}).text; };
    feed_.keep_adding(1000);
    for (int look = 0; look < 4; ++look) {   // one may have been under way
        ASSERT_TRUE(eventually([&, before = asked()] { return asked() != before; })) << status_of(*proxy_);
    }
    EXPECT_TRUE(eventually([&] { return pages_in_log().contains(1004); }));
    EXPECT_EQ(source_of(*proxy_).at("works"), true);
}

// ---- what the feed may do

TEST_F(PolledFeeds, WhateverTheFeedAnswersNothingIsLostAndTheOperatorIsTold)
{
    start("path: /ids, max_page: 64KiB, timeout: 300ms");
    const std::pair<const char*, std::pair<std::string, const char*>> cases[] = {
        {"an error", {status(500), "answers 500"}},
        {"garbage", {ok("<html>"), "not JSON"}},
        {"an object", {ok("{\"events\":[]}"), "no JSON array"}},
        {"too much", {ok("[\"" + std::string(70'000, 'x') + "\"]"), "larger than 65536"}},
        {"half an answer", {"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n[", "origin_timeout"}},
        {"no HTTP", {"hello\r\n\r\n", "origin_invalid"}},
        {"compressed", {ok("[]", "Content-Encoding: gzip\r\n"), "compressed"}},
        {"a redirection", {status(302), "answers 302"}},
        {"a page elsewhere", {ok("[]", "Link: <http://127.0.0.1:1/x>; rel=next\r\n"), "another server"}},
    };
    int next = 10;
    for (const auto& [name, what] : cases) {
        SCOPED_TRACE(name);
        feed_.answer_with(what.first);
        EXPECT_TRUE(eventually([&] { return problem_of(*proxy_).find(what.second) != std::string::npos; })) << status_of(*proxy_);
        EXPECT_NE(proxy_->log().find("source=polled works=false reason="), std::string::npos);
        EXPECT_NE(proxy_->admin("GET", "/readyz").body.find("not read: "), std::string::npos) << "without a budget, too";
        feed_.add(next, next + 5);
        next += 5;
        feed_.answer_with({});
        EXPECT_TRUE(took_effect(10, next)) << status_of(*proxy_);
        EXPECT_TRUE(eventually([&] { return source_of(*proxy_).at("works") == true; })) << "once it has been read to its end";
        const auto s = source_of(*proxy_);
        EXPECT_NE(std::string(s.at("last_error").as_object().at("what").as_string()).find(what.second), std::string::npos) << "what was wrong last is kept";
    }
    feed_.origin().go_down();
    EXPECT_TRUE(eventually([&] { return problem_of(*proxy_) == "origin_refused"; })) << status_of(*proxy_);
    feed_.add(next, next + 5);
    feed_.origin().come_back();
    EXPECT_TRUE(took_effect(10, next + 5)) << status_of(*proxy_);
    EXPECT_EQ(source_of(*proxy_).at("gaps"), 0);
}

TEST_F(PolledFeeds, WhatIsNoEventGoesToTheDeadLettersOnceAndHoldsNothingUp)
{
    start(by_id);
    feed_.answer_with(ok(R"([{"nothing":1}, {"specversion":"1.0","id":"c/3","source":"/feed","type":"tiercel.invalidate.v1",
                            "data":{"scopes":[{"kind":"tag","name":"page-3"}]}}, 7])"));
    EXPECT_TRUE(took_effect(3, 4));
    const int before = feed_.origin().requests();
    EXPECT_TRUE(eventually([&] { return feed_.origin().requests() > before + 5; }));
    EXPECT_EQ(redis_->command({"XLEN", "tcl:dlq"}).integer, 2);
    EXPECT_EQ(cursor(), "c/3");
}

TEST_F(PolledFeeds, AFeedThatHasForgottenWhereWeWereExpiresEverything)
{
    start(by_id);
    ASSERT_TRUE(eventually([&] { return proxy_->get("/page/50?ttl=600").raw_head.find("hit;") != std::string::npos; }));
    feed_.forget_all();
    feed_.add(60, 63);   // and of these nobody knows whether they were all
    ASSERT_TRUE(eventually([&] { return cursor() == "c/62"; })) << status_of(*proxy_);
    EXPECT_EQ(proxy_->get("/page/50?ttl=600").raw_head.find("hit;"), std::string::npos);
    EXPECT_EQ(proxy_->metric("event_gaps_total", {{"source", "polled"}}), 1);
    EXPECT_EQ(source_of(*proxy_).at("gaps"), 1);
    EXPECT_TRUE(eventually([&] { return proxy_->log().find("everything expires source=polled reason=\"the feed does not know c/2") != std::string::npos; }))
        << proxy_->log();
    const std::string row = proxy_->admin("GET", "/v1/invalidations").body;
    EXPECT_NE(row.find("gap: the feed does not know c/2 any more"), std::string::npos) << row;
    feed_.add(63, 65);
    EXPECT_TRUE(eventually([&] { return pages_in_log().contains(64); })) << status_of(*proxy_);
    EXPECT_EQ(proxy_->metric("event_gaps_total", {{"source", "polled"}}), 1);
}

TEST_F(PolledFeeds, AFeedThatIsNotThereExpiresNothing)
{
    start(by_id);
    feed_.answer_with(status(404));
    ASSERT_TRUE(eventually([&] { return problem_of(*proxy_) == "the page is not there"; })) << status_of(*proxy_);
    const int before = feed_.origin().requests();
    EXPECT_TRUE(eventually([&] { return feed_.origin().requests() > before + 5; }));
    EXPECT_EQ(cursor(), "c/2");
    feed_.answer_with({});
    feed_.add(3, 5);
    EXPECT_TRUE(took_effect(3, 5));
    EXPECT_EQ(source_of(*proxy_).at("gaps"), 0);
}

// ---- who we are

TEST_F(PolledFeeds, AFeedIsShownTheTokenThatIsGivenAndNobodyElseIs)
{
    feed_.want_token("a-token-that-is-given");
    start("path: /ids, auth: {token: a-token-that-is-given}");
    feed_.add(3, 6);
    EXPECT_TRUE(took_effect(3, 6)) << status_of(*proxy_);
    feed_.want_token("another");
    EXPECT_TRUE(eventually([&] { return problem_of(*proxy_) == "the feed answers 401"; })) << status_of(*proxy_);
    feed_.add(6, 9);
    feed_.want_token("a-token-that-is-given");
    EXPECT_TRUE(took_effect(3, 9)) << status_of(*proxy_);
    EXPECT_EQ(source_of(*proxy_).at("gaps"), 0);
    const command_result printed = run_tiercel({"config", proxy_->configuration_file().string()});
    for (const std::string& said : {proxy_->log(), printed.output, proxy_->admin("GET", "/v1/config").body, status_of(*proxy_), proxy_->metrics()}) {
        EXPECT_EQ(said.find("a-token-that"), std::string::npos) << said;
    }
    EXPECT_NE(printed.output.find("invalidation.sources[0].auth.token: \"***\""), std::string::npos) << printed.output;
}

TEST_F(PolledFeeds, ATokenFileIsReadAgainWhenItsTokenIsRefused)
{
    const temp_dir directory;
    const std::filesystem::path file = directory.path() / "token";
    write(file, "first-token\n");
    feed_.want_token("first-token");
    start("path: /ids, auth: {token_file: \"" + file.string() + "\"}");
    feed_.add(3, 6);
    EXPECT_TRUE(took_effect(3, 6)) << status_of(*proxy_);
    feed_.want_token("second-token");
    feed_.add(6, 9);
    EXPECT_TRUE(eventually([&] { return problem_of(*proxy_) == "the feed answers 401"; })) << status_of(*proxy_);
    std::filesystem::remove(file);
    EXPECT_TRUE(eventually([&] { return problem_of(*proxy_).find("cannot be read") != std::string::npos; })) << status_of(*proxy_);
    write(file, "two words");
    EXPECT_TRUE(eventually([&] { return problem_of(*proxy_) == "the token file holds no token"; })) << status_of(*proxy_);
    write(file, "  second-token  \n");
    EXPECT_TRUE(took_effect(3, 9)) << status_of(*proxy_);
    EXPECT_EQ(proxy_->log().find("-token"), std::string::npos) << proxy_->log();
}

TEST_F(PolledFeeds, ATokenFileIsReadAgainWhenItChangesThoughItsTokenStillHolds)
{
    const temp_dir directory;
    const std::filesystem::path file = directory.path() / "token";
    write(file, "first-token");
    start("path: /ids, auth: {token_file: \"" + file.string() + "\"}");
    EXPECT_EQ(feed_.shown(), "Bearer first-token");
    write(file, "second-token");
    EXPECT_TRUE(eventually([&] { return feed_.shown() == "Bearer second-token"; }));
}

constexpr const char* by_oauth =
    "path: /ids, auth: {origin: feed, path: /token, client_id: tiercel, client_secret: hidden-secret, scope: feeds}";

TEST_F(PolledFeeds, TokensAreRenewedBeforeTheyExpire)
{
    feed_.issue_tokens(2);
    start(by_oauth);
    int next = 3;
    ASSERT_TRUE(eventually([&] {
        feed_.add(next, next + 1);
        ++next;
        return feed_.issued() >= 4;
    }));
    EXPECT_TRUE(took_effect(3, next)) << status_of(*proxy_);
    EXPECT_EQ(feed_.turned_away(), 0);
}

// The request is repeated at once with a new one.
TEST_F(PolledFeeds, ATokenThatIsRefusedIsReplacedWithoutAWordOfIt)
{
    feed_.issue_tokens(3600);
    start(by_oauth);
    feed_.want_token("revoked, all of them");   // until a new one is issued
    ASSERT_TRUE(eventually([&] { return feed_.issued() == 2; }));
    feed_.add(3, 6);
    EXPECT_TRUE(took_effect(3, 6)) << status_of(*proxy_);
    EXPECT_EQ(feed_.turned_away(), 1);
    EXPECT_FALSE(source_of(*proxy_).contains("last_error")) << status_of(*proxy_);
}

TEST_F(PolledFeeds, ATokenIsShownUntilItEndsAndNoLongerWhileThereIsNoOther)
{
    feed_.issue_tokens(2);
    start(by_oauth);
    feed_.refuse_to_issue(true);
    feed_.want_token("");   // would take any
    feed_.add(3, 5);
    EXPECT_TRUE(took_effect(3, 5)) << "it is to be renewed, and still good";
    EXPECT_TRUE(eventually([&] { return problem_of(*proxy_) == "the issuer of tokens answers 503"; })) << status_of(*proxy_);
    feed_.refuse_to_issue(false);
    EXPECT_TRUE(eventually([&] { return problem_of(*proxy_).empty(); })) << status_of(*proxy_);
}

TEST_F(PolledFeeds, ATokenThatHasEndedWhenItComesIsAskedForNoMoreOften)
{
    start(by_id);
    ASSERT_TRUE(proxy_->stop().ok());
    proxy_ = started(by_oauth);
    for (const int lasts : {0, -3600}) {
        SCOPED_TRACE(lasts);
        feed_.issue_tokens(lasts);
        ASSERT_TRUE(eventually([&] { return problem_of(*proxy_) == "the issuer gives a token that has ended"; })) << status_of(*proxy_);
        const int before = feed_.issued();
        const auto since = std::chrono::steady_clock::now();
        ASSERT_TRUE(eventually([&] { return feed_.issued() >= before + 10; }));
        EXPECT_GT(std::chrono::steady_clock::now() - since, 700ms) << "once each time that it looks";
        feed_.issue_tokens(3600);
        ASSERT_TRUE(eventually([&] { return problem_of(*proxy_).empty(); })) << status_of(*proxy_);
    }
    feed_.add(3, 6);
    EXPECT_TRUE(took_effect(3, 6)) << status_of(*proxy_);
}

TEST_F(PolledFeeds, ATokenThatExpiresMidRunLosesNoEvent)
{
    feed_.pages_of(5);
    feed_.issue_tokens(3600);
    start(by_oauth);
    int next = 3;
    for (int round = 0; round < 5; ++round) {
        feed_.add(next, next + 40);
        next += 40;
        ASSERT_TRUE(eventually([&] { return pages_in_log().contains(next - 35); }));
        feed_.want_token("revoked, all of them");   // until a new one is issued
        if (round == 2) {
            feed_.refuse_to_issue(true);
            ASSERT_TRUE(eventually([&] { return problem_of(*proxy_) == "the issuer of tokens answers 503"; })) << status_of(*proxy_);
            feed_.refuse_to_issue(false);
        }
    }
    EXPECT_TRUE(took_effect(3, next)) << status_of(*proxy_);
    EXPECT_EQ(source_of(*proxy_).at("gaps"), 0);
    EXPECT_GE(feed_.issued(), 2);
    EXPECT_GE(feed_.turned_away(), 1);
    const command_result printed = run_tiercel({"config", proxy_->configuration_file().string()});
    for (const std::string& said : {proxy_->log(), printed.output, proxy_->admin("GET", "/v1/config").body, proxy_->admin("GET", "/v1/sources").body}) {
        EXPECT_EQ(said.find("hidden-secret"), std::string::npos) << said;
        EXPECT_EQ(said.find("issued-token"), std::string::npos) << said;
    }
}

TEST_F(PolledFeeds, AFeedThatRefusesEveryTokenMakesTheIssuerGiveEverFewer)
{
    feed_.issue_tokens(3600);
    start(by_oauth);
    feed_.refuse_every_token(true);
    ASSERT_TRUE(eventually([&] { return feed_.turned_away() >= 60; }));
    EXPECT_GE(feed_.issued(), 2) << "the first one may have been called back";
    EXPECT_LE(feed_.issued(), 20) << "one for each look, else";
    EXPECT_EQ(problem_of(*proxy_), "the feed answers 401");
    feed_.refuse_every_token(false);
    feed_.add(3, 5);
    EXPECT_TRUE(took_effect(3, 5)) << "by the token that was refused: it is shown all the time. " << status_of(*proxy_);
    const int before = feed_.issued();
    const int turned_away = feed_.turned_away();
    feed_.want_token("revoked");
    EXPECT_TRUE(eventually([&] { return feed_.issued() > before; }));
    EXPECT_LE(feed_.turned_away(), turned_away + 2) << "a token that was good for a while is replaced at once";
}

// The pauses between requests for tokens have grown to seconds by then.
TEST_F(PolledFeeds, ATokenThatIsAcceptedAfterManyThatWereNotIsRenewedBeforeItEnds)
{
    feed_.issue_tokens(3600);
    start(by_oauth);
    feed_.refuse_every_token(true);
    ASSERT_TRUE(eventually([&] { return feed_.issued() >= 4; }, 30s));
    const int before = feed_.issued();
    feed_.issue_tokens(2);
    ASSERT_TRUE(eventually([&] { return feed_.issued() > before; }, 30s));
    feed_.refuse_every_token(false);
    int next = 3;
    EXPECT_TRUE(eventually([&] {
        feed_.add(next, next + 1);
        ++next;
        return feed_.issued() >= before + 3;
    }));
    EXPECT_TRUE(took_effect(3, next)) << status_of(*proxy_);
    EXPECT_EQ(source_of(*proxy_).at("last_error").at("what"), "the feed answers 401") << "nothing since then";
}

// ---- what may become of us

class KilledReaders : public PolledFeeds, public testing::WithParamInterface<const char*> {};
INSTANTIATE_TEST_SUITE_P(Cursors, KilledReaders, testing::Values(by_id, by_time));

TEST_P(KilledReaders, SkipNothing)
{
    feed_.pages_of(20);
    feed_.with_links(true);
    start(GetParam());
    constexpr int all = 800;
    constexpr int rounds = 4;
    for (int round = 0; round < rounds; ++round) {
        const std::size_t before = pages_in_log().size();
        feed_.add(100 + all * round / rounds, 100 + all * (round + 1) / rounds, "2099-01-01T00:00:0" + std::to_string(round / 2) + ".000Z");
        ASSERT_TRUE(eventually([&] { return pages_in_log().size() > before; })) << "it works again";
        kill_reader();
        proxy_->start();
    }
    EXPECT_TRUE(took_effect(100, 100 + all)) << pages_in_log().size() << " of " << all << ": " << status_of(*proxy_);
    EXPECT_EQ(redis_->command({"XLEN", "tcl:dlq"}).integer, 0);
}

TEST_P(KilledReaders, LeaveTheCursorWhereWhatOnlyTheyKnowOfBegins)
{
    start(GetParam());
    const std::string before = cursor();
    redis_->command({"RENAME", "tcl:{inv}:table", "kept"});
    redis_->command({"SET", "tcl:{inv}:table", "no table"});   // nothing can be appended
    feed_.add(7, 9);
    ASSERT_TRUE(eventually([&] { return proxy_->admin("GET", "/v1/invalidations").body.find("page-8") != std::string::npos; })) << status_of(*proxy_);
    EXPECT_EQ(cursor(), before);
    kill_reader();
    redis_->command({"RENAME", "kept", "tcl:{inv}:table"});
    proxy_->start();
    EXPECT_TRUE(took_effect(7, 9)) << status_of(*proxy_);
    EXPECT_TRUE(eventually([&] { return cursor() != before; }));
}

TEST_F(PolledFeeds, OneInstanceReadsAndAnotherTakesOver)
{
    start(by_id);
    const std::unique_ptr<proxy> other = started(by_id);
    ASSERT_TRUE(eventually([&] { return source_of(*other).at("standby") == true; })) << status_of(*other);
    EXPECT_EQ(source_of(*proxy_).at("standby"), false);
    feed_.add(10, 15);
    ASSERT_TRUE(took_effect(10, 15));
    EXPECT_TRUE(eventually([&] { return source_of(*other).at("cursor") == "c/14"; })) << "it is told how far the reader is";
    EXPECT_EQ(other->metric("events_total", {{"source", "polled"}}), 0);
    proxy_->kill();
    feed_.add(15, 20);
    EXPECT_TRUE(took_effect(10, 20)) << status_of(*other);
    EXPECT_EQ(source_of(*other).at("standby"), false);
    EXPECT_EQ(other->metric("events_total", {{"source", "polled"}, {"result", "applied"}}), 5);
    // Who stops in peace leaves at once.
    proxy_->start();
    ASSERT_TRUE(eventually([&] { return source_of(*proxy_).at("standby") == true; }));
    ASSERT_TRUE(other->stop().ok());
    feed_.add(20, 25);
    EXPECT_TRUE(took_effect(10, 25)) << status_of(*proxy_);
}

TEST_F(PolledFeeds, WhoTakesOverKnowsTheCursorWhenRedisHasLostIt)
{
    start(by_id);
    const std::unique_ptr<proxy> other = started(by_id);
    feed_.add(10, 15);
    ASSERT_TRUE(eventually([&] { return source_of(*other).at("standby") == true && source_of(*other).at("cursor") == "c/14"; }));
    proxy_->kill();
    feed_.add(15, 20, "2024-01-01T00:00:00.000Z");   // what a first start passes over
    redis_->command({"FLUSHALL"});
    EXPECT_TRUE(eventually([&] { return cursor() == "c/19"; })) << status_of(*other);
    EXPECT_EQ(pages_in_log(), numbers(15, 20));
}

// Of the reader and of the one that stands by.
TEST_F(PolledFeeds, TheLagGrowsWhileTheFeedCannotBeReadAndIsGoneOnceItIs)
{
    start(by_id);
    const std::unique_ptr<proxy> other = started(by_id);
    ASSERT_TRUE(eventually([&] { return source_of(*other).at("standby") == true; })) << status_of(*other);
    const auto lag_of = [](const proxy& p) { return p.metric("invalidation_lag_seconds", {{"source", "polled"}}); };
    feed_.answer_with(status(500));
    EXPECT_TRUE(eventually([&] { return lag_of(*proxy_) >= 1.2 && lag_of(*other) >= 1.2; }));
    feed_.answer_with({});
    EXPECT_TRUE(eventually([&] { return lag_of(*proxy_) == 0 && lag_of(*other) == 0; })) << lag_of(*proxy_) << " " << lag_of(*other);
}

TEST_F(PolledFeeds, WithoutRedisNothingIsReadAndNothingIsLost)
{
    start(by_id);
    redis_->freeze();
    feed_.add(10, 15);
    EXPECT_TRUE(eventually([&] { return !problem_of(*proxy_).empty(); })) << "the lease has ended";
    EXPECT_EQ(proxy_->metric("events_total", {{"source", "polled"}, {"result", "applied"}}), 0);
    redis_->thaw();
    EXPECT_TRUE(took_effect(10, 15)) << status_of(*proxy_);
}

// ---- up to when a feed is known

class PolledFeedLag : public PolledFeeds {
protected:
    void SetUp() override
    {
        PolledFeeds::SetUp();
        route_options_ = ", lag_budget: 2s";
    }
    // Of one host, whichever instance is asked.
    static http_response get(const proxy& p, const std::string& target) { return p.get(target, {{"Host", "shop.example"}}); }
    static std::string cached(const proxy& p, const std::string& target) { return cache_status_of(get(p, target)).text(); }
    // Old enough for the budget to be about it.
    static bool serves_of_age(const proxy& p, const std::string& target, int least)
    {
        const http_response r = get(p, target);
        return cache_status_of(r).text().starts_with("hit") && std::stoi(r.header("Age").value_or("0")) >= least;
    }
    double lag(const proxy& p) const { return p.metric("invalidation_lag_seconds", {{"source", "polled"}}); }
    static std::string told(const proxy& p, const std::string& dependency)
    {
        const auto all = boost::json::parse(p.admin("GET", "/readyz").body).as_object().at("dependencies").as_array();
        const auto found = std::find_if(all.begin(), all.end(), [&](const auto& d) { return d.at("name").as_string() == dependency; });
        return found == all.end() ? std::string() : boost::json::serialize(*found);
    }
    static bool may_use_redis(const proxy& p)
    {
        return eventually([&] { return told(p, "redis").find("\"ok\"") != std::string::npos; });
    }
    // They lie in Redis, and are older than the budget; since then the feed has said nothing, for longer than the budget.
    void leave_old_answers()
    {
        start(by_id);
        for (const char* target : {first, second, lax}) { get(*proxy_, target); }
        for (const char* target : {first, second, lax}) {
            ASSERT_TRUE(eventually([&] { return serves_of_age(*proxy_, target, 3); })) << status_of(*proxy_);
        }
        feed_.answer_with(status(503));
        ASSERT_TRUE(eventually([&] { return lag(*proxy_) > 3; })) << status_of(*proxy_);
        ASSERT_TRUE(proxy_->stop().ok());
    }

    static constexpr const char* first = "/page/1?ttl=600";
    static constexpr const char* second = "/page/2?ttl=600";
    static constexpr const char* lax = "/page/lax?ttl=600";
};

TEST_F(PolledFeedLag, IsNoShorterForAStartWhileTheFeedCannotBeRead)
{
    leave_old_answers();
    proxy_->start();
    ASSERT_TRUE(may_use_redis(*proxy_));
    EXPECT_EQ(cached(*proxy_, first), "fwd=stale; stored; detail=lag");
    EXPECT_EQ(cached(*proxy_, lax), "hit; detail=l2") << "it could have been served";
    EXPECT_TRUE(eventually([&] { return lag(*proxy_) > 3; })) << "since it was read last, by whoever";
    EXPECT_NE(told(*proxy_, "events polled").find("its events are not known of the last"), std::string::npos) << told(*proxy_, "events polled");
    const auto other = started(by_id);   // which does not read, but stands by
    ASSERT_TRUE(may_use_redis(*other));
    EXPECT_EQ(cached(*other, second), "fwd=stale; stored; detail=lag");
    EXPECT_EQ(cached(*other, lax), "hit; detail=l2");
    EXPECT_TRUE(eventually([&] { return source_of(*other).at("standby") == true && lag(*other) > 3; }));

    feed_.answer_with({});
    for (const proxy* p : {proxy_.get(), other.get()}) {
        EXPECT_TRUE(eventually([&] { return told(*p, "events polled").find("\"ok\"") != std::string::npos && lag(*p) == 0; })) << told(*p, "events polled");
        EXPECT_TRUE(eventually([&] { return serves_of_age(*p, first, 3); }));
    }
}

TEST_F(PolledFeedLag, IsThatOfNothingKnownUntilTheFirstLook)
{
    leave_old_answers();
    redis_->command({"DEL", "tcl:asked:polled"});
    proxy_->start();
    ASSERT_TRUE(may_use_redis(*proxy_));
    EXPECT_EQ(cached(*proxy_, first), "fwd=stale; stored; detail=lag");
    EXPECT_EQ(cached(*proxy_, lax), "hit; detail=l2");
    EXPECT_NE(told(*proxy_, "events polled").find("nothing is known of its events yet"), std::string::npos) << told(*proxy_, "events polled");
    EXPECT_EQ(source_of(*proxy_).at("known"), false);
    EXPECT_TRUE(eventually([&] { return lag(*proxy_) > 1; })) << "it counts from the start then";
    EXPECT_LT(lag(*proxy_), 600);
    EXPECT_LT(source_of(*proxy_).at("lag_seconds").to_number<double>(), 600);
    feed_.answer_with({});
    EXPECT_TRUE(eventually([&] { return source_of(*proxy_).at("known") == true && lag(*proxy_) == 0; }));
    EXPECT_TRUE(eventually([&] { return serves_of_age(*proxy_, first, 3); }));
}

// It has ended, and outlives the process. Who stands by cannot know of it.
TEST_F(PolledFeedLag, OfOthersDoesNotEndByWhatLiesInAJournalHere)
{
    const temp_dir directory;
    invalidation_options_ = "journal: {path: \"" + (directory.path() / "journal").string() + "\"}, ";
    start(by_id);
    const auto asked = [&] { return redis_->command({"GET", "tcl:asked:polled"}).text; };
    ASSERT_TRUE(eventually([&] { return !asked().empty(); }));
    redis_->command({"RENAME", "tcl:{inv}:table", "kept"});
    redis_->command({"SET", "tcl:{inv}:table", "no table"});   // nothing can be appended
    feed_.add(7, 9);
    ASSERT_TRUE(eventually([&] { return cursor() == "c/8"; })) << status_of(*proxy_);
    const std::string before = asked();
    const int looks = feed_.origin().requests();
    ASSERT_TRUE(eventually([&] { return feed_.origin().requests() > looks + 10; }));
    EXPECT_EQ(asked(), before);
    EXPECT_TRUE(eventually([&] { return lag(*proxy_) == 0; })) << "here it has taken effect";
    redis_->command({"RENAME", "kept", "tcl:{inv}:table"});
    EXPECT_TRUE(took_effect(7, 9));
    EXPECT_TRUE(eventually([&] { return asked() > before; }));
}

// The reader has carried it all out and said so, but what it has appended to the log is not known here yet.
TEST_F(PolledFeedLag, OfAnotherInstanceEndsWhenWhatThatHasAppendedIsKnownHere)
{
    feed_link link(redis_->port());
    start(by_id);
    const auto other = started(by_id, link.url());
    ASSERT_TRUE(eventually([&] { return lag(*other) == 0 && source_of(*other).at("known") == true; }));
    get(*other, first);
    ASSERT_TRUE(eventually([&] { return serves_of_age(*other, first, 3); }));
    feed_.answer_with(status(503));
    ASSERT_TRUE(eventually([&] { return lag(*other) > 3; }));
    link.cut();
    feed_.add(1, 2);
    feed_.answer_with({});
    ASSERT_TRUE(took_effect(1, 2));
    ASSERT_TRUE(eventually([&] { return lag(*other) == 0; })) << "it hears of it";
    EXPECT_NE(cached(*other, first).find("detail=lag"), std::string::npos) << "and was told of nothing";
    link.mend();
    EXPECT_TRUE(eventually([&] { return serves_of_age(*other, first, 3); }));
}

}  // namespace
}  // namespace tiercel::test
