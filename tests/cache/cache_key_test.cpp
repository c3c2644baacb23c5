#include <tiercel/cache_key.hpp>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <map>
#include <random>
#include <set>
#include <sstream>
#include <string>
#include <utility>
#include <vector>

namespace tiercel {
namespace {

struct secondary {
    std::string name;
    std::string value;
    bool present = true;
};

struct identity {
    std::string tenant = "t";
    std::string scheme = "http";
    std::string host = "example.com";
    std::string path = "/";
    std::string query{};
    bool has_query = false;
    std::vector<secondary> selected{};

    std::string key() const
    {
        std::string out;
        append_key(out, {.tenant = tenant, .scheme = scheme, .host = host, .path = path, .query = query, .has_query = has_query});
        for (const secondary& s : selected) {
            append_secondary(out, s.name, s.value, s.present);
        }
        return out;
    }
};

identity path(std::string p) { return {.path = std::move(p)}; }
identity query(std::string p, std::string q) { return {.path = std::move(p), .query = std::move(q), .has_query = true}; }
identity tenant(std::string t) { return {.tenant = std::move(t)}; }
identity host(std::string h) { return {.host = std::move(h)}; }
identity selected(std::vector<secondary> s) { return {.selected = std::move(s)}; }

// Each row is an identity of its own: no two rows may ever share a key. The text is what people see.
struct row {
    identity id;
    std::string text;
};

std::vector<row> table()
{
    using namespace std::string_literals;
    return {
        {path("/"), "t|http|example.com|/"},
        {path(""), "t|http|example.com|"},
        {path("/a"), "t|http|example.com|/a"},
        {path("/A"), "t|http|example.com|/A"},
        {path("/a/"), "t|http|example.com|/a/"},
        {path("//a"), "t|http|example.com|//a"},
        {path("/a/b"), "t|http|example.com|/a/b"},
        {path("/a%2Fb"), "t|http|example.com|/a%252Fb"},
        {path("/a%252Fb"), "t|http|example.com|/a%25252Fb"},
        {path("/a|b"), "t|http|example.com|/a%7Cb"},
        {path("/a%7Cb"), "t|http|example.com|/a%257Cb"},
        {path("/a b"), "t|http|example.com|/a%20b"},
        {path("/a+b"), "t|http|example.com|/a+b"},
        {path("/a%20b"), "t|http|example.com|/a%2520b"},
        {path("/a\x01"), "t|http|example.com|/a%01"},
        {path("/a\0b"s), "t|http|example.com|/a%00b"},
        {path("/\xc3\xa9"), "t|http|example.com|/%C3%A9"},
        {path("/a?"), "t|http|example.com|/a%3F"},
        {path("/a?b=1"), "t|http|example.com|/a%3Fb=1"},
        {path("/a;v=1"), "t|http|example.com|/a;v=1"},
        {path("/a,b"), "t|http|example.com|/a,b"},
        {path("/a&b"), "t|http|example.com|/a&b"},
        {path("/a\nb"), "t|http|example.com|/a%0Ab"},
        {query("/a", ""), "t|http|example.com|/a?"},
        {query("/a", "b"), "t|http|example.com|/a?b"},
        {query("/a", "b="), "t|http|example.com|/a?b="},
        {query("/a", "b=1"), "t|http|example.com|/a?b=1"},
        {query("/a", "b=1&c=2"), "t|http|example.com|/a?b=1&c=2"},
        {query("/a", "c=2&b=1"), "t|http|example.com|/a?c=2&b=1"},
        {query("/a", "b=1&b=2"), "t|http|example.com|/a?b=1&b=2"},
        {query("/a", "b=2&b=1"), "t|http|example.com|/a?b=2&b=1"},
        {query("/a", "b=+"), "t|http|example.com|/a?b=+"},
        {query("/a", "b=%20"), "t|http|example.com|/a?b=%2520"},
        {query("/a", "?"), "t|http|example.com|/a??"},
        {query("/a", "|"), "t|http|example.com|/a?%7C"},
        {query("/a?", ""), "t|http|example.com|/a%3F?"},
        {query("", "/a"), "t|http|example.com|?/a"},
        {tenant(""), "|http|example.com|/"},
        {tenant("T"), "T|http|example.com|/"},
        {tenant("t|http"), "t%7Chttp|http|example.com|/"},
        {tenant("t%7Chttp"), "t%257Chttp|http|example.com|/"},
        {tenant("tt"), "tt|http|example.com|/"},
        {tenant("t "), "t%20|http|example.com|/"},
        {tenant("t/"), "t/|http|example.com|/"},
        {tenant("\xd1\x82"), "%D1%82|http|example.com|/"},
        {{.scheme = "https"}, "t|https|example.com|/"},
        {{.scheme = ""}, "t||example.com|/"},
        {host("example.com:8080"), "t|http|example.com:8080|/"},
        {host("example.com:80"), "t|http|example.com:80|/"},
        {host("example.org"), "t|http|example.org|/"},
        {host("www.example.com"), "t|http|www.example.com|/"},
        {host("[::1]"), "t|http|[::1]|/"},
        {host(""), "t|http||/"},
        {{.tenant = "", .scheme = "", .host = "", .path = ""}, "|||"},
        {{.tenant = "th", .scheme = "ttp"}, "th|ttp|example.com|/"},
        {{.scheme = "httpe", .host = "xample.com"}, "t|httpe|xample.com|/"},
        {{.host = "example.com/", .path = ""}, "t|http|example.com/|"},
        {selected({{"accept-encoding", "gzip"}}), "t|http|example.com|/|accept-encoding=gzip"},
        {selected({{"accept-encoding", "br"}}), "t|http|example.com|/|accept-encoding=br"},
        {selected({{"accept-encoding", ""}}), "t|http|example.com|/|accept-encoding="},
        {selected({{"accept-encoding", "", false}}), "t|http|example.com|/|accept-encoding"},
        {selected({{"accept-encoding=", "", false}}), "t|http|example.com|/|accept-encoding%3D"},
        {selected({{"accept-language", "en, de"}}), "t|http|example.com|/|accept-language=en,%20de"},
        {selected({{"a", "b|c=d"}}), "t|http|example.com|/|a=b%7Cc=d"},
        {selected({{"a", "b"}, {"c", "d"}}), "t|http|example.com|/|a=b|c=d"},
        {selected({{"c", "d"}, {"a", "b"}}), "t|http|example.com|/|c=d|a=b"},
        {selected({{"a", "="}}), "t|http|example.com|/|a=="},
        {{.path = "/|a=b"}, "t|http|example.com|/%7Ca=b"},
        {query("/", "|a=b"), "t|http|example.com|/?%7Ca=b"},
        {path("/" + std::string(126, 'x')), "t|http|example.com|/" + std::string(126, 'x')},
        {path("/" + std::string(127, 'x')), "t|http|example.com|/" + std::string(127, 'x')},
        {path("/" + std::string(128, 'x')), "t|http|example.com|/" + std::string(128, 'x')},
        {path("/" + std::string(20000, 'x')), "t|http|example.com|/" + std::string(20000, 'x')},
    };
}

TEST(CacheKey, EveryRowOfTheTableIsAnIdentityOfItsOwn)
{
    const std::vector<row> rows = table();
    ASSERT_GE(rows.size(), 60u);
    for (std::size_t i = 0; i < rows.size(); ++i) {
        for (std::size_t j = 0; j < rows.size(); ++j) {
            const std::string a = rows[i].id.key();
            const std::string b = rows[j].id.key();
            EXPECT_EQ(a == b, i == j) << rows[i].text << " and " << rows[j].text;
            EXPECT_EQ(stable_hash(a) == stable_hash(b), i == j);
            EXPECT_EQ(seeded_hash(a, 1) == seeded_hash(b, 1), i == j);
            EXPECT_EQ(rows[i].text == rows[j].text, i == j);
        }
    }
}

TEST(CacheKey, TextIsReadableAndCannotBeImitated)
{
    for (const row& r : table()) {
        EXPECT_EQ(key_text(r.id.key()), r.text);
    }
}

TEST(CacheKey, SplitGivesBackWhatWasJoined)
{
    for (const row& r : table()) {
        const std::string key = r.id.key();
        key_parts parts;
        ASSERT_TRUE(split_key(key, parts)) << r.text;
        EXPECT_EQ(parts.tenant, r.id.tenant);
        EXPECT_EQ(parts.scheme, r.id.scheme);
        EXPECT_EQ(parts.host, r.id.host);
        EXPECT_EQ(parts.path, r.id.path);
        EXPECT_EQ(parts.query, r.id.query);
        EXPECT_EQ(parts.has_query, r.id.has_query);
    }
}

// A changed line here means that every shared store loses its content at the next upgrade. Regenerate only for that reason,
// together with framing_version: TIERCEL_WRITE_GOLDEN=1 cache_test --gtest_filter=CacheKey.Stable*
TEST(CacheKey, StableHashesAreThoseOfTheGoldenFile)
{
    const std::filesystem::path golden = TIERCEL_GOLDEN_KEYS;
    std::ostringstream now;
    for (const row& r : table()) {
        now << hex(stable_hash(r.id.key())) << ' ' << r.text << '\n';
    }
    if (std::getenv("TIERCEL_WRITE_GOLDEN") != nullptr) { std::ofstream(golden) << now.str(); }
    std::ostringstream before;
    before << std::ifstream(golden).rdbuf();
    EXPECT_EQ(before.str(), now.str());
}

TEST(CacheKey, SeededHashesDifferByProcess)
{
    const std::string key = identity{}.key();
    EXPECT_EQ(seeded_hash(key, 1), seeded_hash(key, 1));
    EXPECT_NE(seeded_hash(key, 1), seeded_hash(key, 2));
    EXPECT_NE(seeded_hash(key, 1), stable_hash(key));
}

TEST(CacheKey, HexIsThe128BitNumber)
{
    EXPECT_EQ(hex({.hi = 0x0123456789abcdef, .lo = 0xf}), "0123456789abcdef000000000000000f");
    EXPECT_EQ(hex({}), std::string(32, '0'));
}

TEST(CacheKey, BytesThatAreNotAKeyAreRefused)
{
    const std::string good = selected({{"a", "b"}}).key();
    key_parts parts;
    ASSERT_TRUE(split_key(good, parts));
    EXPECT_FALSE(split_key("", parts));
    EXPECT_FALSE(split_key("GET /", parts));
    for (std::size_t cut = 1; cut < good.size(); ++cut) {
        const std::string head = good.substr(0, cut);
        // The one cut that leaves a key is the one before the secondary parts.
        EXPECT_EQ(split_key(head, parts), head == identity{}.key()) << cut;
    }
    EXPECT_FALSE(split_key(good + '\x05', parts));
    EXPECT_FALSE(split_key(std::string("\x01\x81\x00t", 4) + good.substr(3), parts));   // a length in a longer form than needed
    std::string unmarked = identity{}.key();
    unmarked.back() = '\x01';
    EXPECT_FALSE(split_key(unmarked + 'q', parts));   // a query without its mark
    EXPECT_EQ(key_text("nonsense"), "");
}

TEST(CacheKey, DistinctRandomTuplesNeverShareAKey)
{
    // Short parts over a small, nasty alphabet: many near-collisions of naive joining, and frequent true repetitions.
    std::mt19937_64 random(1);
    const std::string alphabet("\x01\x00|?=/a%", 8);
    const auto part = [&] {
        std::string out(random() % 3, ' ');
        for (char& c : out) {
            c = alphabet[random() % alphabet.size()];
        }
        return out;
    };
    using tuple = std::vector<std::string>;
    std::map<std::string, tuple> keys;
    std::map<tuple, std::string> tuples;
    std::set<std::string> texts;
    for (int i = 0; i < 100'000; ++i) {
        identity id{.tenant = part(), .scheme = part(), .host = part(), .path = part()};
        id.has_query = random() % 2 != 0;
        if (id.has_query) { id.query = part(); }
        for (auto n = random() % 3; n != 0; --n) {
            secondary s{part(), part(), random() % 2 != 0};
            if (!s.present) { s.value.clear(); }
            id.selected.push_back(s);
        }
        tuple t{id.tenant, id.scheme, id.host, id.path, id.has_query ? "?" + id.query : ""};
        for (const secondary& s : id.selected) {
            t.push_back(s.name);
            t.push_back(s.present ? "=" + s.value : "");
        }
        const std::string key = id.key();
        const auto [by_key, new_key] = keys.emplace(key, t);
        const auto [by_tuple, new_tuple] = tuples.emplace(t, key);
        ASSERT_EQ(by_key->second, t);
        ASSERT_EQ(by_tuple->second, key);
        ASSERT_EQ(new_key, new_tuple);
        ASSERT_EQ(texts.insert(key_text(key)).second, new_key) << key_text(key);
    }
    EXPECT_GT(keys.size(), 50'000u);
}

}  // namespace
}  // namespace tiercel
