// In front of a server that nobody wrote for us: nginx with a real tree of documents. Whatever tier answers, the client gets
// what nginx would have sent.

#include "blackbox/setting.hpp"
#include "support/nginx_server.hpp"
#include "support/redis_server.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <filesystem>
#include <map>
#include <random>
#include <set>

namespace tiercel::test {
namespace {

namespace fs = std::filesystem;
using namespace std::chrono_literals;

constexpr std::size_t files_per_tree = 250;
constexpr std::size_t most_in_redis = 900'000;   // cache.l2.max_value is 1 MiB, key and head included
// Trees that Debian has once the packages of this project are installed.
constexpr const char* trees[] = {"/usr/share/doc/", "/usr/include/"};

std::string escaped(std::string_view path)
{
    constexpr std::string_view plain = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._~/";
    constexpr std::string_view digits = "0123456789ABCDEF";
    std::string out;
    for (const char c : path) {
        if (plain.find(c) != plain.npos) {
            out += c;
        } else {
            const auto byte = static_cast<unsigned char>(c);
            out += {'%', digits[byte >> 4], digits[byte & 15]};
        }
    }
    return out;
}

// Some files of the tree, spread evenly over it; old ones, so that their age says for how long they may be kept. Links are
// not followed, and not listed.
std::vector<std::string> some_files_below(const std::string& tree)
{
    const auto a_day_ago = fs::file_time_type::clock::now() - 24h;
    std::vector<std::string> all;
    for (const auto& e : fs::recursive_directory_iterator(tree, fs::directory_options::skip_permission_denied)) {
        if (!e.is_symlink() && e.is_regular_file() && e.file_size() <= most_in_redis && e.last_write_time() < a_day_ago) {
            all.push_back(e.path().native());
        }
    }
    std::sort(all.begin(), all.end());
    std::vector<std::string> some;
    const std::size_t n = std::min(files_per_tree, all.size());
    for (std::size_t i = 0; i < n; ++i) { some.push_back(escaped(all[i * all.size() / n])); }
    return some;
}

std::string random_bytes(std::size_t n)
{
    std::mt19937 random(static_cast<unsigned>(n));
    std::string out(n, '\0');
    for (char& c : out) { c = static_cast<char>(random()); }
    return out;
}

// What a cache must hand on: all fields but those of the connection and those that it writes itself. Lines of one name keep
// their order.
header_list end_to_end(const http_response& r, const std::set<std::string>& without = {})
{
    header_list out;
    for (const auto& [name, value] : r.fields) {
        std::string lower = name;
        std::transform(lower.begin(), lower.end(), lower.begin(), [](unsigned char c) { return std::tolower(c); });
        const bool own = lower == "age" || lower == "via" || lower == "cache-status" || lower == "x-request-id" || lower == "connection";
        if (!own && !without.contains(lower)) { out.emplace_back(std::move(lower), value); }
    }
    std::stable_sort(out.begin(), out.end(), [](const auto& a, const auto& b) { return a.first < b.first; });
    return out;
}

class DocumentTree : public testing::Test {
protected:
    void SetUp() override
    {
        if (!nginx_server::available()) { GTEST_SKIP() << "nginx is not installed"; }
        if (!redis_server::available()) { GTEST_SKIP() << "redis-server is not installed"; }
        redis_ = std::make_unique<redis_server>();
        nginx_ = std::make_unique<nginx_server>(nginx_options{
            .server_directives = "location /usr/share/doc/ { root /; include /etc/nginx/mime.types; }\n"
                                 "location /usr/include/ { root /; add_header Cache-Control max-age=600; add_header X-Twice one;"
                                 " add_header Link '</a>; rel=x'; add_header X-Twice two; add_header Link '</b>; rel=y, </c>'; }",
            .location_directives = "expires 1h; add_header x-odd-NAME ' \"quoted\", and; more ';",
        });
        setting s{.origin_url = nginx_->url()};
        s.cache = "{l1: {max_bytes: 256MiB}, l2: {url: \"" + redis_->url() + "\", timeout: 1s}}";   // slow is not absent
        proxy_ = std::make_unique<proxy>(s.yaml());
        wait_for_redis();
    }

    void wait_for_redis() { ASSERT_TRUE(proxy_->wait_until_well()); }

    // Asks for each, and compares with what came before.
    void expect_same(const std::vector<std::string>& targets, const char* how, const char* how_large)
    {
        SCOPED_TRACE(how);
        raw_client c = proxy_->client();
        for (const std::string& target : targets) {
            const http_response r = c.get(target, {{"Host", "docs.test"}});
            const http_response& original = direct_.at(target);
            EXPECT_EQ(r.status, 200) << target;
            EXPECT_EQ(cache_status_of(r).text(), original.body.size() > most_in_redis ? how_large : how) << target;
            EXPECT_TRUE(r.body == original.body) << target << ": " << r.body.size() << " bytes instead of " << original.body.size();
            // nginx writes the time of each answer into it; a hit has that of the answer which was stored.
            EXPECT_EQ(end_to_end(r, {"date", "expires"}), end_to_end(original, {"date", "expires"})) << target;
            if (cache_status_of(r).hit) {
                EXPECT_EQ(end_to_end(r), end_to_end(stored_.at(target))) << target;
            } else {
                stored_[target] = r;
            }
        }
    }

    void expect_same_from_everywhere(const std::vector<std::string>& targets)
    {
        raw_client straight(nginx_->port());
        std::size_t small = 0;
        for (const std::string& target : targets) {
            direct_[target] = straight.get(target, {{"Host", "docs.test"}});
            ASSERT_EQ(direct_[target].status, 200) << target;
            small += direct_[target].body.size() <= most_in_redis ? 1 : 0;
        }
        const auto in_redis = [&] { return redis_->keys("*:e").size() == small; };

        expect_same(targets, "fwd=uri-miss; stored", "fwd=uri-miss; stored");
        expect_same(targets, "hit; detail=l1", "hit; detail=l1");
        EXPECT_TRUE(eventually(in_redis));
        EXPECT_TRUE(proxy_->stop().ok());
        proxy_->start();
        wait_for_redis();
        expect_same(targets, "hit; detail=l2", "fwd=uri-miss; stored");
        redis_->kill();
        expect_same(targets, "hit; detail=l1", "hit; detail=l1");
        redis_->restart();   // empty: what was invalidated before is not known any more, so what is in memory will be fetched anew
        proxy_->restart();
        wait_for_redis();
        expect_same(targets, "fwd=uri-miss; stored", "fwd=uri-miss; stored");
        EXPECT_TRUE(eventually(in_redis));
        proxy_->restart();
        wait_for_redis();
        expect_same(targets, "hit; detail=l2", "fwd=uri-miss; stored");
    }

    std::unique_ptr<redis_server> redis_;
    std::unique_ptr<nginx_server> nginx_;
    std::unique_ptr<proxy> proxy_;
    std::map<std::string, http_response> direct_;
    std::map<std::string, http_response> stored_;   // the last answers that went into the store
};

TEST_F(DocumentTree, IsTheSameFromTheOriginFromL1FromL2AndAfterRedisWasKilled)
{
    std::vector<std::string> targets;
    for (const std::string tree : trees) {
        if (!fs::exists(tree)) { continue; }
        const std::vector<std::string> files = some_files_below(tree);
        targets.insert(targets.end(), files.begin(), files.end());
    }
    ASSERT_GT(targets.size(), 100u);
    expect_same_from_everywhere(targets);
}

// Sizes around everything that is cut, copied or framed differently, all values of a byte, and names that need escapes.
TEST_F(DocumentTree, OfBinaryAndLargeFilesToo)
{
    std::vector<std::string> targets;
    const auto make = [&](const std::string& name, std::size_t size) {
        nginx_->write(name, random_bytes(size));
        targets.push_back(escaped("/" + name));
    };
    for (const std::size_t size : {0, 1, 2, 255, 4095, 4096, 8191, 8192, 8193, 16384, 32767, 32768, 32769, 65535, 65536, 65537, 131072,
                                   262143, 800'000, 1'200'000, 5'000'000, 16'777'216}) {
        make("files/" + std::to_string(size) + ".bin", size);
    }
    make("with blank & more/a+b=c;d.bin", 1000);
    make("\xc3\xa4\xe2\x82\xac\xf0\x9f\x98\x80.bin", 1000);
    make("100%25.bin", 1000);
    make("a:b|c~d'e(f)!$*,@.bin", 1000);
    expect_same_from_everywhere(targets);
}

}  // namespace
}  // namespace tiercel::test
