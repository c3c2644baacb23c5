#include "l2_fixture.hpp"

#include <cstdlib>
#include <random>
#include <thread>

namespace tiercel::test {
namespace {

// Many clients, all kinds of answers, time that jumps, an origin that loses connections: whatever happens, nobody may get what
// was made for somebody else, or half of anything as a whole. Sanitizers look at the rest. TIERCEL_STORM_SECONDS makes it last.
class storm {
public:
    explicit storm(std::vector<scenario*> instances) : all_(std::move(instances)) {}
    bool troubled = false;

    // The share of requests that got an answer with content.
    double run()
    {
        const char* wanted = std::getenv("TIERCEL_STORM_SECONDS");
        const auto until = std::chrono::steady_clock::now() + std::chrono::seconds(wanted == nullptr ? 0 : std::atoi(wanted));
        unsigned waves = 0;
        do {
            std::vector<std::thread> threads;
            for (unsigned n = 0; n < clients; ++n) {
                threads.emplace_back([this, seed = waves * clients + n + 1] { ask_around(seed); });
            }
            for (auto& one : threads) { one.join(); }
            ++waves;
        } while (wrong_ == 0 && std::chrono::steady_clock::now() < until);
        EXPECT_EQ(wrong_, 0);
        for (scenario* one : all_) {
            one->wait_until_quiet();
            EXPECT_TRUE(one->begin_drain().get());
        }
        return static_cast<double>(answered_) / (static_cast<double>(waves) * clients * rounds);
    }

    // Each kind of page says in its content which target it is, and for whom it was made.
    static void make_pages(fake_origin& origin)
    {
        for (int i = 0; i < 4; ++i) {
            const std::string n = std::to_string(i);
            make_page(origin, "/fresh/" + n, "max-age=5, stale-while-revalidate=5", "", 10);
            make_page(origin, "/varies/" + n, "max-age=5", "X-Kind", 10);
            make_page(origin, "/large/" + n, "max-age=5", "", 20'000);
            make_page(origin, "/private/" + n, "private", "", 10);
            make_page(origin, "/validated/" + n, "no-cache", "", 10);
        }
    }

private:
    static constexpr unsigned clients = 8;
    static constexpr int rounds = 120;

    static void make_page(fake_origin& origin, const std::string& target, const std::string& directives, const std::string& vary, int repeat)
    {
        origin.page(target).answer([=](const http_request& r) {
            if (r.method == "POST") {
                return plain_answer({}, "written");
            }
            if (r.has("If-None-Match")) {
                return std::string("HTTP/1.1 304 Not Modified\r\nETag: \"e\"\r\nCache-Control: " + directives + "\r\n\r\n");
            }
            header_list fields = {{"Cache-Control", directives}};
            if (!vary.empty()) { fields.emplace_back("Vary", vary); }
            if (directives == "no-cache") { fields.emplace_back("ETag", "\"e\""); }
            return plain_answer(fields, content(target, r.header("X-Kind").value_or(""), vary, directives, repeat));
        });
    }

    static std::string content(const std::string& target, const std::string& kind, const std::string& vary,
                               const std::string& directives, int repeat)
    {
        const std::string line = target + (!vary.empty() || directives == "private" ? " for " + kind : "") + "\n";
        std::string all;
        for (int i = 0; i < repeat; ++i) { all += line; }
        return all;
    }

    static std::string expected(const std::string& target, const std::string& kind)
    {
        const bool varies = target.starts_with("/varies");
        const bool is_private = target.starts_with("/private");
        return content(target, kind, varies ? "X-Kind" : "", is_private ? "private" : "", target.starts_with("/large") ? 20'000 : 10);
    }

    void ask_around(unsigned seed)
    {
        std::mt19937 random(seed);
        const std::vector<std::string> kinds = {"/fresh/", "/varies/", "/large/", "/private/", "/validated/"};
        scenario* s = all_[random() % all_.size()];
        raw_client c = s->client();
        const auto reconnect = [&] {
            s = all_[random() % all_.size()];
            c = s->client();
        };
        for (int i = 0; i < rounds; ++i) {
            const std::string target = kinds[random() % kinds.size()] + std::to_string(random() % 4);
            const std::string kind = random() % 2 == 0 ? "red" : "blue";
            const header_list fields = {{"Host", "shop.test"}, {"X-Kind", kind}};
            const auto dice = random() % 20;
            try {
                if (dice == 0) {   // leaves in the middle
                    c.connect();
                    c.send("GET " + target + " HTTP/1.1\r\nHost: shop.test\r\nX-Kind: " + kind + "\r\n\r\n");
                    c.reset();
                    reconnect();
                    continue;
                }
                const http_response r = dice == 1 ? c.request("POST", target, fields, "new") : c.get(target, fields);
                if (r.status == 200 && dice != 1 && r.body != expected(target, kind)) {
                    ++wrong_;
                    ADD_FAILURE() << target << " for " << kind << " got " << r.raw_head << r.body.substr(0, 100);
                }
                answered_ += r.status == 200 ? 1 : 0;
            } catch (const peer_closed&) {
                reconnect();   // content that was cut off must show itself like this
            }
            if (dice == 2) {
                for (scenario* one : all_) { one->advance(1500ms); }
            }
            if (dice == 3 && troubled) { all_.front()->origin().drop_connections(); }
        }
    }

    std::vector<scenario*> all_;
    std::atomic<int> answered_ = 0;
    std::atomic<int> wrong_ = 0;
};

double storm_over(scenario& s, bool troubled = false)
{
    storm::make_pages(s.origin());
    s.start();
    storm all({&s});
    all.troubled = troubled;
    return all.run();
}

TEST(Storm, NobodyGetsWhatIsNotTheirs)
{
    scenario s;
    EXPECT_GT(storm_over(s), 0.8);
}

TEST(Storm, NorWhenTheOriginLosesConnections)
{
    scenario s;
    s.set("origins.shop.breaker.failures", "100").set("routes.0.stampede.error_memo", "0s").set("origins.shop.retry.max", "2");
    EXPECT_GT(storm_over(s, true), 0.25);
}

TEST(Storm, NorWithLittleMemory)
{
    scenario s;
    s.set("cache.l1.max_bytes", "256KiB").set("cache.l1.max_object", "64KiB");
    EXPECT_GT(storm_over(s), 0.8);
}

TEST(Storm, NorWithASecondTier)
{
    scenario s;
    s.set("cache.l2.kind", "memory").set("cache.l1.max_bytes", "256KiB");
    EXPECT_GT(storm_over(s), 0.8);
}

class StormOverRedis : public l2_fixture {};

TEST_F(StormOverRedis, NorWithTwoInstancesThatShareIt)
{
    s.set("cache.l1.max_bytes", "256KiB");
    storm::make_pages(s.origin());
    start();
    const auto second = another([](scenario& one) { one.set("cache.l1.max_bytes", "256KiB"); });
    storm all({&s, second.get()});
    all.troubled = true;
    EXPECT_GT(all.run(), 0.25);
}

}  // namespace
}  // namespace tiercel::test
