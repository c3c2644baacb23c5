#include "load/answer.hpp"

#include <gtest/gtest.h>

#include <string>

using namespace tiercel;
using namespace tiercel::load;
using state = answer_reader::state;

namespace {

const std::string whole = "HTTP/1.1 200 OK\r\nContent-Length: 5\r\nCache-Status: tiercel; hit; ttl=9; detail=l1\r\n\r\nhello";
const std::string chunked = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nhel\r\n2\r\nlo\r\n0\r\n\r\n";
const std::string with_hints = "HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n" + whole;

state feed_in_pieces(answer_reader& r, const std::string& bytes, std::size_t piece)
{
    state s = state::more;
    for (std::size_t at = 0; at < bytes.size() && s == state::more; at += piece) { s = r.feed(std::string_view(bytes).substr(at, piece)); }
    return s;
}

}  // namespace

TEST(Answer, IsTheSameHoweverItIsCutIntoReads)
{
    answer_reader r;
    for (const std::string& bytes : {whole, chunked, with_hints}) {
        for (std::size_t piece = 1; piece <= bytes.size(); ++piece) {
            r.begin(method::get, true);
            ASSERT_EQ(feed_in_pieces(r, bytes, piece), state::done) << bytes << piece;
            EXPECT_EQ(r.status(), 200);
            EXPECT_EQ(r.body(), "hello");
            EXPECT_EQ(r.body_size(), 5u);
        }
    }
}

TEST(Answer, KeepsNoContentUnlessAsked)
{
    answer_reader r;
    r.begin(method::get, false);
    EXPECT_EQ(r.feed(whole), state::done);
    EXPECT_EQ(r.body(), "");
    EXPECT_EQ(r.head(), "");
    EXPECT_EQ(r.body_size(), 5u);
}

TEST(Answer, ThatBreaksOffIsBroken)
{
    answer_reader r;
    r.begin(method::get, false);
    EXPECT_EQ(r.feed(whole.substr(0, whole.size() - 1)), state::more);
    EXPECT_EQ(r.on_end(), state::broken);
}

TEST(Answer, WithBytesBehindItIsBroken)
{
    answer_reader r;
    r.begin(method::get, false);
    EXPECT_EQ(r.feed(whole + "x"), state::broken);
    r.begin(method::get, false);
    EXPECT_EQ(r.feed(chunked + "x"), state::broken);
}

TEST(Answer, WithoutLengthEndsWithTheConnection)
{
    answer_reader r;
    r.begin(method::get, true);
    EXPECT_EQ(r.feed("HTTP/1.1 200 OK\r\n\r\nabc"), state::more);
    EXPECT_EQ(r.on_end(), state::done);
    EXPECT_EQ(r.body(), "abc");
    EXPECT_TRUE(r.closes());
}

TEST(Answer, ToHeadHasNoContent)
{
    answer_reader r;
    r.begin(method::head, false);
    EXPECT_EQ(r.feed("HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n"), state::done);
}

TEST(Answer, TellsWhoGaveItByTheLastCacheStatus)
{
    struct {
        std::string_view field;
        int status;
        source expected;
    } const cases[] = {
        {"tiercel; hit; ttl=599; detail=l1", 200, source::l1},
        {"tiercel; hit; ttl=599; detail=l2", 200, source::l2},
        {"tiercel; hit; ttl=3; detail=negative", 404, source::store},
        {"tiercel; hit; ttl=-2; detail=swr", 200, source::stale},
        {"tiercel; fwd=stale; fwd-status=503; ttl=-2; detail=sie", 200, source::stale},
        {"tiercel; fwd=uri-miss; fwd-status=200; stored; ttl=600", 200, source::origin},
        {"tiercel; fwd=uri-miss; fwd-status=200; stored; collapsed; ttl=600", 200, source::shared},
        {"tiercel; fwd=uri-miss; fwd-status=503", 503, source::origin},
        {"tiercel; fwd=uri-miss; detail=breaker", 503, source::proxy},
        {"tiercel; fwd=uri-miss; collapsed; detail=timeout", 504, source::proxy},
        {"tiercel", 400, source::proxy},
        {"", 200, source::unknown},
    };
    for (const auto& c : cases) { EXPECT_EQ(name_of(source_of(c.field, c.status)), name_of(c.expected)) << c.field; }
}
