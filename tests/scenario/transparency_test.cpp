#include "scenario.hpp"

#include "support/redis_server.hpp"

#include <algorithm>
#include <array>
#include <random>
#include <sstream>

namespace tiercel::test {
namespace {

// What the cache gives back is what the origin sent: the same bytes, the same fields in the same order, in the same
// spelling. Shown with answers that nobody would think of, drawn by number so that a failure can be repeated.

using randomness = std::mt19937_64;

std::size_t below(randomness& r, std::size_t n) { return std::uniform_int_distribution<std::size_t>(0, n - 1)(r); }

template <std::size_t N>
std::string one_of(randomness& r, const std::array<const char*, N>& choices)
{
    return choices[below(r, N)];
}

// Any bytes that a field value may have: visible ones, those above 0x7f, blanks inside.
std::string some_value(randomness& r)
{
    std::string out;
    for (std::size_t n = below(r, 10) == 0 ? below(r, 2000) : below(r, 60); n > 0; --n) {
        switch (below(r, 8)) {
        case 0: out += static_cast<char>(0x80 + below(r, 0x80)); break;
        case 1: out += below(r, 2) == 0 ? ' ' : '\t'; break;
        default: out += static_cast<char>(0x21 + below(r, 0x7e - 0x20)); break;
        }
    }
    const auto inner = [](char c) { return c != ' ' && c != '\t'; };
    out.erase(std::find_if(out.rbegin(), out.rend(), inner).base(), out.end());
    out.erase(out.begin(), std::find_if(out.begin(), out.end(), inner));
    return out;
}

std::string some_name(randomness& r)
{
    constexpr std::string_view letters = "!#$%&'*+-.^_`|~0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";
    std::string out = "X";
    for (std::size_t n = below(r, 20); n > 0; --n) { out += letters[below(r, letters.size())]; }
    return out;
}

std::string in_some_case(randomness& r, std::string name)
{
    if (below(r, 3) == 0) {
        for (char& c : name) {
            const bool upper = below(r, 2) == 0;
            c = static_cast<char>(upper ? std::toupper(static_cast<unsigned char>(c)) : std::tolower(static_cast<unsigned char>(c)));
        }
    }
    return name;
}

std::string some_content(randomness& r)
{
    const std::size_t size = std::array<std::size_t, 6>{0, 1, 100, 5'000, 30'000, 150'000}[below(r, 6)];
    std::string out(size == 0 ? 0 : below(r, size) + 1, '\0');
    for (char& c : out) { c = static_cast<char>(r()); }
    return out;
}

std::string in_chunks(randomness& r, std::string_view content)
{
    std::ostringstream out;
    while (!content.empty()) {
        const std::size_t n = std::min(content.size(), below(r, 20'000) + 1);
        out << std::hex << n << (below(r, 4) == 0 ? ";a=\"b\"" : "") << "\r\n" << content.substr(0, n) << "\r\n";
        content.remove_prefix(n);
    }
    out << "0\r\n" << (below(r, 4) == 0 ? "X-Trailer: dropped\r\n" : "") << "\r\n";
    return std::move(out).str();
}

// An answer that may be stored, as the origin writes it.
std::string some_answer(std::uint64_t number)
{
    randomness r(number);
    const std::string status = one_of(r, std::array{"200 OK", "200 ", "203 Non-Authoritative", "204 Nothing", "299 \x80\xff odd",
                                                    "301 Moved", "404 Not Found", "410 Gone", "499 What"});
    header_list fields;
    fields.emplace_back("Cache-Control", one_of(r, std::array{"max-age=3600", "public, MAX-AGE=7200, x=\"a, b\"", "s-maxage=5000"}));
    if (below(r, 4) != 0) { fields.emplace_back("Date", "Tue, 15 Nov 2044 08:12:31 GMT"); }
    constexpr std::array known{"Content-Type", "Content-Language", "Link", "Warning", "Server", "Last-Modified-By", "Content-MD5",
                               "Set-Cookie2", "Clear-Site-Data", "Public-Key-Pins", "Content-Security-Policy", "Alt-Svc", "Refresh",
                               "Pragma", "Content-Location", "Location", "Cache-Status", "Via", "Server-Timing", "Accept-Ranges"};
    for (std::size_t n = below(r, 12); n > 0; --n) {
        const std::string name = one_of(r, known);
        fields.emplace_back(in_some_case(r, name), name == "Cache-Status" ? "edge; hit; ttl=" + std::to_string(n) : some_value(r));
    }
    for (std::size_t n = below(r, 6); n > 0; --n) { fields.emplace_back(some_name(r), some_value(r)); }
    for (std::size_t n = below(r, 4); n > 0; --n) {
        fields.emplace_back(in_some_case(r, "Set-Cookie"), "c" + std::to_string(n) + "=" + some_value(r) + "; Path=/, x");
    }
    if (below(r, 2) == 0) { fields.emplace_back("ETag", below(r, 2) == 0 ? "\"tag\"" : "W/\"weak\""); }
    if (below(r, 2) == 0) { fields.emplace_back("Content-Encoding", one_of(r, std::array{"gzip", "xyz, identity"})); }
    if (below(r, 3) == 0) { fields.emplace_back("Expires", one_of(r, std::array{"0", "Tue, 15 Nov 2044 09:12:31 GMT"})); }
    if (below(r, 3) == 0 && !fields.empty()) { fields.push_back(fields[below(r, fields.size())]); }   // a line twice
    std::shuffle(fields.begin(), fields.end(), r);
    if (below(r, 4) == 0) {
        fields.emplace_back("Connection", "X-Hop");
        fields.insert(fields.begin(), {"X-Hop", "ends here"});
    }

    std::string out = "HTTP/1.1 " + status + "\r\n";
    for (const auto& [name, value] : fields) { out += name + ":" + std::string(below(r, 3), ' ') + value + "\r\n"; }
    if (status.starts_with("204")) { return out + "\r\n"; }
    const std::string content = some_content(r);
    if (below(r, 2) == 0) { return out + "Transfer-Encoding: chunked\r\n\r\n" + in_chunks(r, content); }
    return out + "Content-Length: " + std::to_string(content.size()) + "\r\n\r\n" + content;
}

// What is the cache's own to say, and what belongs to one connection. Lines of Via and Cache-Status are compared apart.
header_list without_our_own(const http_response& r)
{
    header_list out;
    for (const auto& [name, value] : r.fields) {
        constexpr std::array ours{"Age", "Via", "Cache-Status", "X-Request-ID", "Connection", "Content-Length", "Transfer-Encoding", "X-Hop"};
        if (std::none_of(ours.begin(), ours.end(), [&n = name](const char* o) { return equal_names(n, o); })) {
            out.emplace_back(name, value);
        }
    }
    return out;
}

void expect_same(const http_response& direct, const http_response& through, std::uint64_t number, const char* from, bool to_head = false)
{
    SCOPED_TRACE(std::string(from) + ", answer " + std::to_string(number));
    EXPECT_EQ(through.status, direct.status);
    EXPECT_EQ(through.reason, direct.reason);
    if (!to_head) { EXPECT_TRUE(through.body == direct.body) << through.body.size() << " bytes, not " << direct.body.size(); }
    header_list wanted = without_our_own(direct);
    header_list got = without_our_own(through);
    if (!direct.has("Date")) {   // a cache has to add one (RFC 9110 §6.6.1)
        EXPECT_EQ(through.count("Date"), 1U);
        std::erase_if(got, [](const auto& f) { return equal_names(f.first, "Date"); });
    }
    EXPECT_EQ(got, wanted) << direct.raw_head << "\n" << through.raw_head;
    for (const char* name : {"Via", "Cache-Status"}) {
        std::vector<std::string> chain = direct.headers(name);
        ASSERT_EQ(through.count(name), chain.size() + 1) << name;
        chain.push_back(through.headers(name).back());   // ours, behind those nearer to the origin
        EXPECT_EQ(through.headers(name), chain);
    }
    EXPECT_FALSE(through.has("Connection"));
    EXPECT_FALSE(through.has("X-Hop"));
    if (direct.status != 204 && direct.has("Content-Length")) { EXPECT_EQ(through.headers("Content-Length"), direct.headers("Content-Length")); }
}

bool is_gone(const http_response& r) { return r.status == 404 || r.status == 410; }

TEST(Transparency, AThousandAnswersAreTheSameDirectAndFromEachTier)
{
    constexpr std::uint64_t answers = 1'000;
    scenario s;
    std::optional<redis_server> redis;
    if (redis_server::available()) {
        redis.emplace();
        s.configure("{ cache: { l2: { kind: redis, url: '" + redis->url() + "', timeout: 5s } } }");
    }
    s.set("server.threads", "1").set("routes.0.set_cookie", "store");
    for (std::uint64_t i = 0; i < answers; ++i) {
        const std::string bytes = some_answer(i);
        const bool bodiless = bytes.find("204 Nothing\r\n") == 9;
        s.origin().page("/" + std::to_string(i)).answer([bytes, bodiless](const http_request& rq) {
            return rq.method == "HEAD" && !bodiless ? bytes.substr(0, bytes.find("\r\n\r\n") + 4) : bytes;
        });
    }
    const auto wait_for_redis = [&] {
        EXPECT_TRUE(eventually([&] { return !redis || s.admin("GET", "/readyz").body.find("degraded") == std::string::npos; }));
    };
    s.start();
    wait_for_redis();

    raw_client direct_to(s.origin().port());
    std::vector<http_response> direct;
    raw_client c = s.client();
    for (std::uint64_t i = 0; i < answers && !::testing::Test::HasFailure(); ++i) {
        const std::string target = "/" + std::to_string(i);
        direct.push_back(direct_to.get(target, {{"Host", "shop.test"}}));
        const answer miss(c.get(target, {{"Host", "shop.test"}}));
        expect_same(direct[i], miss, i, "miss");
        const answer hit(c.get(target, {{"Host", "shop.test"}}));
        hit.expect_cache(is_gone(hit) ? "hit; detail=negative" : "hit; detail=l1");
        expect_same(direct[i], hit, i, "L1");
        const answer head(c.request("HEAD", target, {{"Host", "shop.test"}}));
        expect_same(direct[i], head, i, "HEAD", true);
    }
    if (!redis || ::testing::Test::HasFailure()) {
        return;
    }
    EXPECT_TRUE(eventually([&] { return redis->keys("tcl:*:e").size() == answers; }));
    s.restart();
    wait_for_redis();
    c = s.client();
    for (std::uint64_t i = 0; i < answers && !::testing::Test::HasFailure(); ++i) {
        const answer hit(c.get("/" + std::to_string(i), {{"Host", "shop.test"}}));
        hit.expect_cache("hit; detail=l2");
        expect_same(direct[i], hit, i, "L2");
    }
}

}  // namespace
}  // namespace tiercel::test
