#include "http/chunked.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <memory>
#include <ostream>
#include <random>
#include <string>
#include <string_view>
#include <vector>

namespace tiercel {
namespace {

using namespace std::string_literals;

struct decoded {
    chunk_state state = chunk_state::need_more;
    std::string content;
    std::size_t consumed = 0;    // meaningless when malformed

    friend bool operator==(const decoded& a, const decoded& b)
    {
        return a.state == b.state && a.content == b.content && (a.state == chunk_state::malformed || a.consumed == b.consumed);
    }
};

void PrintTo(const decoded& d, std::ostream* out)
{
    constexpr const char* names[] = {"need_more", "content", "done", "malformed"};
    *out << names[static_cast<int>(d.state)] << " after " << d.consumed << ", content \"" << d.content << '"';
}

// Feeds what `next_size` allows at a time, each piece in memory of its own.
template <class NextSize>
decoded decode(std::string_view bytes, NextSize next_size)
{
    chunk_decoder decoder;
    decoded d;
    while (d.consumed < bytes.size()) {
        const std::size_t size = std::min<std::size_t>(next_size(), bytes.size() - d.consumed);
        const auto piece = std::make_unique<char[]>(size);
        std::copy_n(bytes.begin() + static_cast<std::ptrdiff_t>(d.consumed), size, piece.get());
        std::string_view rest(piece.get(), size);
        for (;;) {
            const chunk_step step = decoder.feed(rest);
            EXPECT_LE(step.consumed, rest.size());
            EXPECT_EQ(step.content.empty(), step.state != chunk_state::content);
            d.state = step.state;
            d.content += step.content;
            d.consumed += step.consumed;
            rest.remove_prefix(step.consumed);
            if (step.state == chunk_state::done || step.state == chunk_state::malformed) {
                const chunk_step again = decoder.feed("5\r\nagain\r\n");
                EXPECT_EQ(again.state, step.state) << "final";
                EXPECT_EQ(again.consumed, 0u);
                return d;
            }
            if (step.state == chunk_state::need_more) {
                EXPECT_TRUE(rest.empty());
                break;
            }
        }
    }
    return d;
}

decoded whole(std::string_view bytes)
{
    return decode(bytes, [&] { return bytes.size(); });
}

// The same for the whole, byte by byte and in random pieces.
void check_any_split(std::string_view bytes)
{
    const decoded expected = whole(bytes);
    EXPECT_EQ(decode(bytes, [] { return 1; }), expected);
    std::mt19937 random(static_cast<unsigned>(bytes.size()));
    for (int round = 0; round < 10; ++round) {
        EXPECT_EQ(decode(bytes, [&] { return 1 + random() % 9; }), expected);
    }
}

struct good_case {
    const char* name;
    std::string bytes;
    std::string content;
};

TEST(ChunkDecoder, DecodesWhatIsWellFormed)
{
    const std::vector<good_case> cases{
        {"nothing", "0\r\n\r\n", ""},
        {"one chunk", "5\r\nhello\r\n0\r\n\r\n", "hello"},
        {"two chunks", "5\r\nhello\r\n6\r\n world\r\n0\r\n\r\n", "hello world"},
        {"hexadecimal", "A\r\n0123456789\r\na\r\n0123456789\r\n0\r\n\r\n", "01234567890123456789"},
        {"leading zeros", "005\r\nhello\r\n000\r\n\r\n", "hello"},
        {"4 sixteen digits", "0000000000000005\r\nhello\r\n0000000000000000\r\n\r\n", "hello"},
        {"line ends in the content", "4\r\n\r\n\r\n\r\n0\r\n\r\n", "\r\n\r\n"},
        {"NUL in the content", "3\r\na\0b\r\n0\r\n\r\n"s, "a\0b"s},
        {"an extension", "5;a\r\nhello\r\n0;b=c\r\n\r\n", "hello"},
        {"a quoted extension", "5;a=\"b;\\\"c\"\r\nhello\r\n0\r\n\r\n", "hello"},
        {"blanks before an extension", "5 \t;a\r\nhello\r\n0\r\n\r\n", "hello"},
        {"padding", "5  \r\nhello\r\n0 \r\n\r\n", "hello"},
        {"a trailer", "5\r\nhello\r\n0\r\nX-A: b\r\n\r\n", "hello"},
        {"trailers", "0\r\nX-A: b\r\nX-B:\r\nX-C: \tc d\r\n\r\n", ""},
        {"a large one", "10000\r\n" + std::string(65536, 'x') + "\r\n0\r\n\r\n", std::string(65536, 'x')},
    };
    for (const good_case& c : cases) {
        const decoded d = whole(c.bytes);
        EXPECT_EQ(d.state, chunk_state::done) << c.name;
        EXPECT_EQ(d.content, c.content) << c.name;
        EXPECT_EQ(d.consumed, c.bytes.size()) << c.name;
        check_any_split(c.bytes);
        check_any_split(c.bytes + "GET /next HTTP/1.1\r\n");
        EXPECT_EQ(whole(c.bytes + "0\r\n\r\n").consumed, c.bytes.size()) << c.name << ": what follows belongs to something else";
        for (std::size_t n = 0; n < std::min<std::size_t>(c.bytes.size(), 40); ++n) {
            const chunk_state s = whole(std::string_view(c.bytes).substr(0, n)).state;
            EXPECT_TRUE(s == chunk_state::need_more || s == chunk_state::content) << c.name << " cut at " << n;
        }
    }
}

TEST(ChunkDecoder, RefusesEveryHostileForm)
{
    const std::vector<good_case> cases{
        {"4 no size", "\r\nhello\r\n0\r\n\r\n", ""},
        {"4 an extension without size", ";a\r\n", ""},
        {"4 no hexadecimal digit", "g\r\n", ""},
        {"4 a prefix", "0x5\r\nhello\r\n", ""},
        {"4 a sign", "+5\r\nhello\r\n", ""},
        {"4 a negative size", "-5\r\nhello\r\n", ""},
        {"4 a blank before the size", " 5\r\nhello\r\n", ""},
        {"4 a blank within the size", "1 0\r\nhello\r\n", ""},
        {"4 text behind the size", "5 abc\r\nhello\r\n", ""},
        {"4 a comma behind the size", "5,5\r\nhello\r\n", ""},
        {"4 seventeen digits", "00000000000000005\r\nhello\r\n", ""},
        {"4 seventeen zeros", "00000000000000000\r\n\r\n", ""},
        {"4 2^64", "10000000000000000\r\n", ""},
        {"4 an underscore", "1_0\r\n", ""},
        {"4 a bare LF behind the size", "5\nhello\r\n", ""},
        {"4 a bare CR behind the size", "5\rhello\r\n", ""},
        {"4 CR CR LF", "5\r\r\nhello\r\n", ""},
        {"4 LF CR", "5\n\rhello\r\n", ""},
        {"4 NUL behind the size", "5\0\r\nhello\r\n"s, ""},
        {"4 a bare LF in an extension", "5;a\nhello\r\n", ""},
        {"4 a bare CR in an extension", "5;a\rb\r\nhello\r\n", ""},
        {"4 NUL in an extension", "5;a\0b\r\nhello\r\n"s, ""},
        {"4 DEL in an extension", "5;a\x7f\r\nhello\r\n", ""},
        {"4 an open quote", "5;a=\"b\r\nhello\r\n", ""},
        {"4 an open quote and a bare LF", "5;a=\"b\nhello\r\n", ""},
        {"4 an escaped closing quote", "5;a=\"b\\\"\r\nhello\r\n", ""},
        {"4 an escaped CR", "5;a=\"\\\r\nhello\r\n", ""},
        {"4 an escaped NUL", "5;a=\"\\\0\"\r\nhello\r\n"s, ""},
        {"more than the size says", "5\r\nhello!\r\n0\r\n\r\n", "hello"},
        {"less than the size says", "6\r\nhello\r\n0\r\n\r\n", "hello\r"},
        {"a bare LF behind the content", "5\r\nhello\n0\r\n\r\n", "hello"},
        {"a bare CR behind the content", "5\r\nhello\r0\r\n\r\n", "hello"},
        {"no end of the last chunk", "0\nX", ""},
        {"4 a bare LF at the end", "0\r\n\n", ""},
        {"4 a bare CR at the end", "0\r\n\rX", ""},
        {"4 a trailer without colon", "0\r\nabc\r\n\r\n", ""},
        {"4 a trailer without name", "0\r\n: b\r\n\r\n", ""},
        {"4 a folded trailer", "0\r\na: b\r\n c\r\n\r\n", ""},
        {"4 a blank before the colon of a trailer", "0\r\na : b\r\n\r\n", ""},
        {"4 a bare LF in a trailer", "0\r\na: b\n\r\n", ""},
        {"4 a bare CR in a trailer", "0\r\na: b\rc\r\n\r\n", ""},
        {"4 NUL in a trailer", "0\r\na: \0\r\n\r\n"s, ""},
        {"4 a control in the name of a trailer", "0\r\na\x01: b\r\n\r\n", ""},
        {"a request instead of trailers", "0\r\nGET / HTTP/1.1\r\n\r\n", ""},
    };
    for (const good_case& c : cases) {
        const decoded d = whole(c.bytes);
        EXPECT_EQ(d.state, chunk_state::malformed) << c.name;
        EXPECT_EQ(d.content, c.content) << c.name;
        check_any_split(c.bytes);
    }
}

TEST(ChunkDecoder, TakesTheLargestSizeThereIs)
{
    chunk_decoder decoder;
    const chunk_step step = decoder.feed("ffffffffffffffff\r\nabc");
    EXPECT_EQ(step.state, chunk_state::content);
    EXPECT_EQ(step.content, "abc");
    EXPECT_EQ(decoder.feed("").state, chunk_state::need_more);
}

TEST(ChunkDecoder, BoundsWhatIsNoContent)
{
    constexpr std::size_t most = 8 * 1024;
    // One extension or one trailer, to the byte: its text and the CR that ends it.
    EXPECT_EQ(whole("0;" + std::string(most - 1, 'a') + "\r\n\r\n").state, chunk_state::done);
    EXPECT_EQ(whole("0;" + std::string(most, 'a') + "\r\n\r\n").state, chunk_state::malformed);
    EXPECT_EQ(whole("0" + std::string(most, ' ') + "\r\n\r\n").state, chunk_state::done);
    EXPECT_EQ(whole("0" + std::string(most + 1, ' ') + "\r\n\r\n").state, chunk_state::malformed);
    EXPECT_EQ(whole("0\r\nx:" + std::string(most - 3, 'a') + "\r\n\r\n").state, chunk_state::done);
    EXPECT_EQ(whole("0\r\nx:" + std::string(most - 2, 'a') + "\r\n\r\n").state, chunk_state::malformed);
    // In total, and not each for itself.
    std::string many;
    for (int i = 0; i < 900; ++i) {
        many += "1;abcdefghi\r\nx\r\n";
    }
    EXPECT_EQ(whole(many).state, chunk_state::malformed);
    std::string trailers = "0\r\n";
    for (int i = 0; i < 2000; ++i) {
        trailers += "a: b\r\n";
    }
    EXPECT_EQ(whole(trailers).state, chunk_state::malformed);
    // Without an end it is refused as soon as it is too much.
    EXPECT_EQ(whole("0;" + std::string(most + 1, 'a')).state, chunk_state::malformed);
}

TEST(ChunkDecoder, LetsLargeContentHaveExtensionsAndPadding)
{
    std::string many;
    for (int i = 0; i < 2'000; ++i) {
        many += "64      ;a=\"0123456789\"\r\n" + std::string(100, 'x') + "\r\n";
    }
    EXPECT_EQ(whole(many + "0\r\n\r\n").state, chunk_state::done);
    // What was saved does not help the trailers, and what is large at once stays refused.
    EXPECT_EQ(whole(many + "0\r\nx:" + std::string(8 * 1024, 'a') + "\r\n\r\n").state, chunk_state::malformed);
    EXPECT_EQ(whole(many + "1;" + std::string(9 * 1024, 'a') + "\r\nx\r\n").state, chunk_state::malformed);
}

TEST(ChunkDecoder, DoesNotChargeThePlainFraming)
{
    std::string many;
    for (int i = 0; i < 20'000; ++i) {
        many += "1\r\nx\r\n";
    }
    EXPECT_EQ(whole(many + "0\r\n\r\n").state, chunk_state::done);
}

TEST(ChunkDecoder, GivesTheSameAnswerHoweverTheBytesAreCut)
{
    const std::string good = "5;a=\"b\"\r\nhello\r\n3\r\nabc\r\n0\r\nX: y\r\n\r\n";
    const std::string bytes = "\r\n \t;:\"\\05aAfFx\0\x7f"s;
    std::mt19937 random(11);
    for (int i = 0; i < 3000; ++i) {
        std::string text = good;
        for (auto n = random() % 3 + 1; n > 0; --n) {
            const std::size_t at = random() % text.size();
            switch (random() % 3) {
            case 0: text[at] = bytes[random() % bytes.size()]; break;
            case 1: text.insert(at, 1, bytes[random() % bytes.size()]); break;
            default: text.erase(at, 1); break;
            }
        }
        check_any_split(text);
    }
}

TEST(ChunkDecoder, TellsWhatAChunkAnnouncesAsSoonAsItIsSaid)
{
    chunk_decoder d;
    EXPECT_EQ(d.announced(), 0u);
    EXPECT_EQ(d.feed("ff").state, chunk_state::need_more);
    EXPECT_EQ(d.announced(), 0u) << "more digits may come";
    EXPECT_EQ(d.feed(";a=b\r").state, chunk_state::need_more);
    EXPECT_EQ(d.announced(), 0u);
    EXPECT_EQ(d.feed("\n").state, chunk_state::need_more);
    EXPECT_EQ(d.announced(), 255u);
    EXPECT_EQ(d.feed("12345").content, "12345");
    EXPECT_EQ(d.announced(), 250u);
    EXPECT_EQ(d.feed(std::string(250, 'x')).content.size(), 250u);
    EXPECT_EQ(d.feed("\r\n0\r\n\r\n").state, chunk_state::done);
    EXPECT_EQ(d.announced(), 0u);
}

}  // namespace
}  // namespace tiercel
