#include "redis/resp_codec.hpp"

#include <gtest/gtest.h>

#include <random>

namespace tiercel::redis {
namespace {

using namespace std::string_literals;

reply of(reply::type kind, std::string text)
{
    reply r;
    r.kind = kind;
    r.text = std::move(text);
    return r;
}
reply status(std::string s) { return of(reply::type::status, std::move(s)); }
reply error(std::string s) { return of(reply::type::error, std::move(s)); }
reply bulk(std::string s) { return of(reply::type::bulk, std::move(s)); }
reply nil() { return reply(); }
reply integer(std::int64_t n)
{
    reply r;
    r.kind = reply::type::integer;
    r.integer = n;
    return r;
}
reply array(std::vector<reply> items)
{
    reply r;
    r.kind = reply::type::array;
    r.items = std::move(items);
    return r;
}

// Everything that comes out of these bytes, fed in pieces that end at `cuts`; nothing after an error.
struct outcome {
    std::vector<reply> replies;
    bool failed = false;
};
outcome parse(std::string_view bytes, const std::vector<std::size_t>& cuts = {}, byte_count max_reply = 1_MiB)
{
    reply_parser p(max_reply);
    outcome out;
    std::size_t begin = 0;
    for (std::size_t i = 0; i <= cuts.size(); ++i) {
        const std::size_t end = i < cuts.size() ? cuts[i] : bytes.size();
        p.feed(bytes.substr(begin, end - begin));
        begin = end;
        for (;;) {
            auto next = p.next();
            if (!next) {
                EXPECT_NE(p.problem(), "");
                EXPECT_FALSE(p.next()) << "an error stays";
                out.failed = true;
                return out;
            }
            if (!next->has_value()) { break; }
            out.replies.push_back(std::move(**next));
        }
    }
    return out;
}

struct row {
    std::string bytes;
    std::vector<reply> expected;
};

const std::vector<row>& good()
{
    static const std::vector<row> rows = {
        {"+OK\r\n", {status("OK")}},
        {"+\r\n", {status("")}},
        {"-WRONGTYPE Operation against\r\n", {error("WRONGTYPE Operation against")}},
        {":0\r\n:-1\r\n:9223372036854775807\r\n", {integer(0), integer(-1), integer(INT64_MAX)}},
        {"$5\r\nhello\r\n", {bulk("hello")}},
        {"$0\r\n\r\n", {bulk("")}},
        {"$-1\r\n", {nil()}},
        {"$11\r\na\r\n\0$3\r\nb\r\n\r\n"s, {bulk("a\r\n\0$3\r\nb\r\n"s)}},
        {"*0\r\n", {array({})}},
        {"*-1\r\n", {nil()}},
        {"*3\r\n:1\r\n$1\r\nx\r\n$-1\r\n", {array({integer(1), bulk("x"), nil()})}},
        {"*2\r\n*2\r\n:1\r\n:2\r\n*1\r\n*1\r\n+deep\r\n",
         {array({array({integer(1), integer(2)}), array({array({status("deep")})})})}},
        {"*2\r\n-ERR no\r\n*0\r\n+after\r\n", {array({error("ERR no"), array({})}), status("after")}},
        {"*1\r\n*1\r\n*1\r\n*1\r\n*1\r\n*1\r\n*1\r\n:7\r\n",
         {array({array({array({array({array({array({array({integer(7)})})})})})})})}},
        {"", {}},
        {"$5\r\nhel", {}},
        {"*2\r\n:1\r\n", {}},
    };
    return rows;
}

TEST(ReplyParser, ReadsEveryKindOfReply)
{
    for (const row& t : good()) {
        const outcome o = parse(t.bytes);
        EXPECT_FALSE(o.failed) << t.bytes;
        EXPECT_EQ(o.replies, t.expected) << t.bytes;
    }
}

TEST(ReplyParser, CutsAnywhereMakeNoDifference)
{
    std::string all;
    std::vector<reply> expected;
    for (const row& t : good()) {
        if (t.expected.empty()) { continue; }
        all += t.bytes;
        expected.insert(expected.end(), t.expected.begin(), t.expected.end());
    }
    std::vector<std::size_t> each_byte;
    for (std::size_t i = 1; i < all.size(); ++i) { each_byte.push_back(i); }
    EXPECT_EQ(parse(all, each_byte).replies, expected);

    std::mt19937 random(7);
    for (int round = 0; round < 500; ++round) {
        std::vector<std::size_t> cuts;
        for (std::size_t at = random() % 20; at < all.size(); at += 1 + random() % 40) { cuts.push_back(at); }
        const outcome o = parse(all, cuts);
        ASSERT_FALSE(o.failed);
        ASSERT_EQ(o.replies, expected) << round;
    }
}

TEST(ReplyParser, BigValuesComeWhole)
{
    std::string value(700'000, '\0');
    std::mt19937 random(1);
    for (char& c : value) { c = static_cast<char>(random()); }
    const std::string bytes = "$" + std::to_string(value.size()) + "\r\n" + value + "\r\n+next\r\n";
    std::vector<std::size_t> cuts;
    for (std::size_t at = reply_parser::best_piece; at < bytes.size(); at += reply_parser::best_piece) { cuts.push_back(at); }
    EXPECT_EQ(parse(bytes, cuts).replies, (std::vector<reply>{bulk(value), status("next")}));
}

TEST(ReplyParser, RefusesWhatIsNotTheProtocol)
{
    for (const std::string& bytes : {"HTTP/1.1 400 Bad Request\r\n"s, "x"s, "\r\n"s, ":12a\r\n"s, ":\r\n"s, "$abc\r\n"s, "$-2\r\n"s,
                                     "$99999999999999999999\r\n"s, "*-2\r\n"s, "*99999999999999999999\r\n"s, "%1\r\n+a\r\n+b\r\n"s,
                                     "*2\r\n:1\r\n?"s, "*1\r\n*1\r\n*1\r\n*1\r\n*1\r\n*1\r\n*1\r\n*1\r\n*1\r\n:1\r\n"s}) {
        EXPECT_TRUE(parse(bytes).failed) << bytes;
    }
}

TEST(ReplyParser, KeepsTheRepliesBeforeGarbage)
{
    const outcome o = parse("+OK\r\n:5\r\ngarbage");
    EXPECT_TRUE(o.failed);
    EXPECT_EQ(o.replies, (std::vector<reply>{status("OK"), integer(5)}));
}

TEST(ReplyParser, RefusesRepliesBeyondTheLimitWithoutHoldingThem)
{
    EXPECT_TRUE(parse("$5000\r\n" + std::string(2000, 'x'), {}, 1000).failed);
    EXPECT_TRUE(parse("+" + std::string(2000, 'x'), {}, 1000).failed) << "a line that does not end";
    std::string many = "*100000\r\n";
    for (int i = 0; i < 500; ++i) { many += ":1\r\n"; }
    EXPECT_TRUE(parse(many, {}, 1000).failed) << "an array of small things";
    EXPECT_FALSE(parse("*2147483647\r\n:1\r\n", {}, 1000).failed) << "a claim alone costs nothing";
    std::string small;
    for (int i = 0; i < 5000; ++i) { small += "+OK\r\n"; }
    EXPECT_EQ(parse(small, {}, 1000).replies.size(), 5000u) << "the limit is per reply";
}

TEST(Reply, TheErrorCodeIsTheFirstWord)
{
    EXPECT_EQ(error("WRONGTYPE Operation against").error_code(), "WRONGTYPE");
    EXPECT_EQ(error("LOADING").error_code(), "LOADING");
    EXPECT_EQ(error("").error_code(), "");
    EXPECT_EQ(bulk("WRONGTYPE x").error_code(), "");
}

TEST(Command, IsAnArrayOfBulkStrings)
{
    EXPECT_EQ(command({"GET", "a b"}).bytes(), "*2\r\n$3\r\nGET\r\n$3\r\na b\r\n");
    EXPECT_EQ(command({"PING"}).bytes(), "*1\r\n$4\r\nPING\r\n");
    EXPECT_EQ(command({"SET", "", "\r\n\0x"s}).bytes(), "*3\r\n$3\r\nSET\r\n$0\r\n\r\n$4\r\n\r\n\0x\r\n"s);
    const std::string big(123'456, 'b');
    EXPECT_EQ(command({"X", big}).bytes(), "*2\r\n$1\r\nX\r\n$123456\r\n" + big + "\r\n");
}

TEST(Command, IsReadBackByTheParser)
{
    std::mt19937 random(3);
    for (int round = 0; round < 200; ++round) {
        std::vector<std::string> words(1 + random() % 6);
        for (std::string& w : words) {
            w.resize(random() % 50);
            for (char& c : w) { c = static_cast<char>(random()); }
        }
        const std::vector<std::string_view> views(words.begin(), words.end());
        const command c{std::span<const std::string_view>(views)};
        std::vector<reply> items;
        for (const std::string& w : words) { items.push_back(bulk(w)); }
        ASSERT_EQ(parse(c.bytes()).replies, std::vector<reply>{array(items)});
    }
}

}  // namespace
}  // namespace tiercel::redis
