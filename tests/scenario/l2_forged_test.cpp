#include "l2_fixture.hpp"

#define XXH_INLINE_ALL
#include <xxhash.h>

namespace tiercel::test {
namespace {

// What lies in Redis, taken apart and put together again with the right lengths and the right checksum (cache/entry_codec.hpp), as
// somebody would who can write there.
struct stored_bytes {
    explicit stored_bytes(const std::string& bytes)
        : header(bytes.substr(0, number(bytes, 10, 2)))
    {
        std::size_t at = header.size();
        const auto take = [&](std::size_t n) { return bytes.substr(std::exchange(at, at + n), n); };
        before_head = take(number(bytes, 58, 4) + 8 * number(bytes, 62, 2));
        head = take(number(bytes, 64, 4));
        etag = take(number(bytes, 132, 4));
        body = bytes.substr(at);
    }

    std::string sealed() const
    {
        std::string out = header;
        put(out, 8, status, 2);
        put(out, 64, head.size(), 4);
        put(out, 68, body.size(), 8);
        put(out, 76, body.size(), 8);
        put(out, 132, etag.size(), 4);
        out += before_head + head + etag + body;
        std::string covered = out;
        covered.erase(84, 8);
        put(out, 84, XXH3_64bits(covered.data(), covered.size()), 8);
        return out;
    }

    static std::uint64_t number(const std::string& bytes, std::size_t at, std::size_t size)
    {
        std::uint64_t n = 0;
        while (size-- > 0) {
            n = n << 8 | static_cast<unsigned char>(bytes.at(at + size));
        }
        return n;
    }
    static void put(std::string& bytes, std::size_t at, std::uint64_t n, std::size_t size)
    {
        for (std::size_t i = 0; i < size; ++i) {
            bytes.at(at + i) = static_cast<char>(n >> (8 * i));
        }
    }

    std::string header, before_head, head, etag, body;
    std::uint64_t status = 200;
};

class ForgedL2 : public l2_fixture {};

// The checksum tells of damage, not of who has written. None of these may reach a client, nor end the process.
TEST_F(ForgedL2, HeadsThatWereNeverWrittenHereAreRefusedAndFetchedAnew)
{
    auto& page = s.origin().page("/a").cache_control("max-age=600").etag("\"1\"").body("the real one");
    start();
    s.get("/a");
    wait_for_entries(1);
    const std::string name = redis->keys("tcl:*:e").at(0);
    const std::string whole = redis->command({"GET", name}).text;
    const stored_bytes real(whole);
    ASSERT_EQ(real.sealed(), whole);
    ASSERT_EQ(real.body, "the real one");

    struct forgery {
        const char* what;
        std::function<void(stored_bytes&)> make;
    };
    const std::string second = "HTTP/1.1 200 OK\r\nX-Evil: 1\r\nContent-Length: 4\r\n\r\nevil";
    const std::vector<forgery> forgeries{
        {"a second answer behind the head", [&](stored_bytes& b) { b.head += "\r\n" + second; }},
        {"an end before the length", [](stored_bytes& b) { b.head.insert(b.head.find("\r\n") + 2, "\r\n"); }},
        {"a coding beside the length", [](stored_bytes& b) { b.head += "Transfer-Encoding: chunked\r\n"; }},
        {"a shorter length, and an answer in the content", [&](stored_bytes& b) {
             b.body = second;
             b.head = "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n";
         }},
        {"two lengths", [](stored_bytes& b) { b.head += "Content-Length: 3\r\n"; }},
        {"no length", [](stored_bytes& b) { b.head = "HTTP/1.1 200 OK\r\n"; }},
        {"a field of the connection", [](stored_bytes& b) { b.head += "Connection: close\r\n"; }},
        {"a NUL", [](stored_bytes& b) { b.head += std::string("X-Nul: a\0b\r\n", 12); }},
        {"a bare CR", [](stored_bytes& b) { b.head += "X-Bare: a\rSet-Cookie: b=c\r\n"; }},
        {"a line without a blank", [](stored_bytes& b) { b.head += "X-Tight:1\r\n"; }},
        {"a line without a colon", [](stored_bytes& b) { b.head += "nothing\r\n"; }},
        {"a line without an end", [](stored_bytes& b) { b.head += "X-Open: 1"; }},
        {"no head", [](stored_bytes& b) { b.head.clear(); }},
        {"a head of another status", [](stored_bytes& b) { b.status = 404; }},
        {"an interim answer", [](stored_bytes& b) {
             b.status = 101;
             b.head = "HTTP/1.1 101 Switching Protocols\r\nContent-Length: 12\r\n";
         }},
        {"a tag that splits the request to the origin", [](stored_bytes& b) { b.etag = "\"1\"\r\nX-Evil: 1"; }},
    };
    int requests = 1;
    for (const forgery& f : forgeries) {
        SCOPED_TRACE(f.what);
        stored_bytes forged = real;
        f.make(forged);
        const std::string bytes = forged.sealed();
        restart();
        redis->command({"SET", name, bytes});
        raw_client c = s.client();
        c.send("GET /a HTTP/1.1\r\nHost: shop.test\r\n\r\n");
        const answer got(c.read_response());
        got.expect_status(200).expect_body("the real one").expect_cache("fwd=uri-miss; stored").expect_no_header("X-Evil");
        EXPECT_EQ(page.requests(), ++requests);
        // Twice, when it is still there as the lock of the fill is taken.
        EXPECT_GE(s.metric("l2_errors_total", {{"op", "get"}, {"reason", "checksum"}}), 1);
        EXPECT_TRUE(eventually([&] { return redis->command({"GET", name}).text != bytes; }));   // replaced
        c.send("GET /a HTTP/1.1\r\nHost: shop.test\r\n\r\n");
        answer(c.read_response()).expect_body("the real one").expect_cache("hit; detail=l1");   // nothing was left in between
    }
}

// An answer that says that it knows of all that will be invalidated tomorrow.
TEST_F(ForgedL2, WhatIsStampedInTheFutureIsRefusedSinceNoPurgeWouldReachIt)
{
    auto& page = s.origin().page("/a").cache_control("max-age=600").body("v1");
    start();
    s.get("/a");
    wait_for_entries(1);
    const std::string name = redis->keys("tcl:*:e").at(0);
    stored_bytes b(redis->command({"GET", name}).text);
    const std::uint64_t stamp = stored_bytes::number(b.header, 44, 8);
    constexpr std::uint64_t second = 1'000'000;
    int requests = 1;
    for (const std::uint64_t later : {std::uint64_t{60} * second, 86'400 * second, ~std::uint64_t{0} - stamp}) {
        stored_bytes::put(b.header, 44, stamp + later, 8);
        const std::string bytes = b.sealed();
        restart();
        redis->command({"SET", name, bytes});
        s.get("/a").expect_body("v1").expect_cache("fwd=uri-miss; stored");
        EXPECT_EQ(page.requests(), ++requests);
        EXPECT_TRUE(eventually([&] { return redis->command({"GET", name}).text != bytes; })) << "replaced";
    }
    stored_bytes::put(b.header, 44, stamp, 8);
    restart();
    redis->command({"SET", name, b.sealed()});
    s.get("/a").expect_cache("hit; detail=l2");
}

TEST_F(ForgedL2, TheSameBytesWithARightHeadAreTaken)
{
    auto& page = s.origin().page("/a").cache_control("max-age=600").body("v1");
    start();
    s.get("/a");
    wait_for_entries(1);
    const std::string name = redis->keys("tcl:*:e").at(0);
    stored_bytes b(redis->command({"GET", name}).text);
    b.body = "another";
    b.head = "HTTP/1.1 200 OK\r\nX-Empty: \r\nContent-Length: 7\r\n";
    restart();
    redis->command({"SET", name, b.sealed()});
    s.get("/a").expect_body("another").expect_cache("hit; detail=l2");
    EXPECT_EQ(page.requests(), 1);
}

}  // namespace
}  // namespace tiercel::test
