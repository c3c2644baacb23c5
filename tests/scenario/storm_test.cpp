#include "scenario.hpp"

#include <random>
#include <thread>

namespace tiercel::test {
namespace {

// Many clients, all kinds of answers, time that jumps, an origin that loses connections: whatever happens, nobody may get what
// was made for somebody else, or half of anything as a whole. Sanitizers look at the rest.
class Storm : public ::testing::Test {
protected:
    static constexpr int clients = 8;
    static constexpr int rounds = 120;

    // Each kind of page says in its content which target it is, and for whom it was made.
    void make_pages()
    {
        for (int i = 0; i < 4; ++i) {
            const std::string n = std::to_string(i);
            page("/fresh/" + n, "max-age=5, stale-while-revalidate=5", "", 10);
            page("/varies/" + n, "max-age=5", "X-Kind", 10);
            page("/large/" + n, "max-age=5", "", 20'000);
            page("/private/" + n, "private", "", 10);
            page("/validated/" + n, "no-cache", "", 10);
        }
    }

    void page(const std::string& target, const std::string& directives, const std::string& vary, int repeat)
    {
        s.origin().page(target).answer([=](const http_request& r) {
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
        raw_client c = s.client();
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
                    c = s.client();
                    continue;
                }
                const http_response r = dice == 1 ? c.request("POST", target, fields, "new") : c.get(target, fields);
                if (r.status == 200 && dice != 1 && r.body != expected(target, kind)) {
                    ++wrong;
                    ADD_FAILURE() << target << " for " << kind << " got " << r.raw_head << r.body.substr(0, 100);
                }
                answered += r.status == 200 ? 1 : 0;
            } catch (const peer_closed&) {
                c = s.client();   // content that was cut off must show itself like this
            }
            if (dice == 2) { s.advance(1500ms); }
            if (dice == 3 && troubled) { s.origin().drop_connections(); }
        }
    }

    void run()
    {
        make_pages();
        s.start();
        std::vector<std::thread> threads;
        for (unsigned n = 0; n < clients; ++n) {
            threads.emplace_back([this, n] { ask_around(n + 1); });
        }
        for (auto& t : threads) { t.join(); }
        EXPECT_EQ(wrong, 0);
        s.wait_until_quiet();
        EXPECT_TRUE(s.begin_drain().get());
    }

    scenario s;
    bool troubled = false;
    std::atomic<int> answered = 0;
    std::atomic<int> wrong = 0;
};

TEST_F(Storm, NobodyGetsWhatIsNotTheirs)
{
    run();
    EXPECT_GT(answered, clients * rounds * 8 / 10);
}

TEST_F(Storm, NorWhenTheOriginLosesConnections)
{
    troubled = true;
    s.set("origins.shop.breaker.failures", "100").set("routes.0.stampede.error_memo", "0s").set("origins.shop.retry.max", "2");
    run();
    EXPECT_GT(answered, clients * rounds / 4);
}

TEST_F(Storm, NorWithLittleMemory)
{
    s.set("cache.l1.max_bytes", "256KiB").set("cache.l1.max_object", "64KiB");
    run();
    EXPECT_GT(answered, clients * rounds * 8 / 10);
}

TEST_F(Storm, NorWithASecondTier)
{
    s.set("cache.l2.kind", "memory").set("cache.l1.max_bytes", "256KiB");
    run();
    EXPECT_GT(answered, clients * rounds * 8 / 10);
}

}  // namespace
}  // namespace tiercel::test
