#include "http/framing.hpp"

#include "http/head_parser.hpp"

#include <gtest/gtest.h>

#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace tiercel {
namespace {

constexpr head_limits wide{};

// "none", "length 5", "chunked", "until_close", with ", close" behind it; or the name of an error.
std::string text_of(const result<framing>& f)
{
    if (!f) {
        return std::string(name_of(errc_of(f.error())));
    }
    constexpr const char* kinds[] = {"none", "length", "chunked", "until_close"};
    std::string out = kinds[static_cast<int>(f->kind)];
    out += f->kind == framing_kind::length ? " " + std::to_string(f->length) : "";
    return out + (f->close_after ? ", close" : "");
}

std::string of_request(std::string_view fields, std::string_view version = "1.1", std::string_view verb = "POST")
{
    const std::string text = std::string(verb) + " / HTTP/" + std::string(version) + "\r\n" + std::string(fields) + "\r\n";
    request_head_parser parser(wide);
    const auto r = parser.parse(text);
    EXPECT_TRUE(r && *r == text.size()) << text;
    return text_of(request_framing(parser.head()));
}

std::string of_response(std::string_view fields, int status = 200, method asked = method::get, std::string_view version = "1.1")
{
    const std::string text = "HTTP/" + std::string(version) + " " + std::to_string(status) + " X\r\n" + std::string(fields) + "\r\n";
    response_head_parser parser(wide);
    const auto r = parser.parse(text);
    EXPECT_TRUE(r && *r == text.size()) << text;
    return text_of(response_framing(parser.head(), asked));
}

struct framing_case {
    const char* name;
    const char* fields;
    const char* result;
};

TEST(Framing, ReadsALengthOrRefusesIt)
{
    EXPECT_EQ(parse_content_length("0"), 0u);
    EXPECT_EQ(parse_content_length("5"), 5u);
    EXPECT_EQ(parse_content_length("0005"), 5u);
    EXPECT_EQ(parse_content_length("4611686018427387904"), std::uint64_t{1} << 62);
    for (const char* text : {"", " ", "-1", "-0", "+1", "1 ", " 1", "1,1", "1, 1", "1.0", "1e3", "0x10", "1a", "a", "\"1\"", "1;a",
                             "4611686018427387905", "9223372036854775808", "18446744073709551615", "18446744073709551616",
                             "18446744073709551621", "1000000000000000000000000000000000000000"}) {
        EXPECT_EQ(parse_content_length(text), std::nullopt) << text;
    }
}

TEST(Framing, OfARequestIsOneOrNone)
{
    const std::vector<framing_case> cases{
        {"no content", "", "none"},
        {"a length", "Content-Length: 5\r\n", "length 5"},
        {"a length of 0", "Content-Length: 0\r\n", "length 0"},
        {"chunked", "Transfer-Encoding: chunked\r\n", "chunked"},
        {"chunked in any case", "transfer-encoding: CHUNKED\r\n", "chunked"},
        {"2 both", "Transfer-Encoding: chunked\r\nContent-Length: 5\r\n", "bad_request"},
        {"2 both the other way", "Content-Length: 5\r\nTransfer-Encoding: chunked\r\n", "bad_request"},
        {"2 both, length 0", "Content-Length: 0\r\nTransfer-Encoding: chunked\r\n", "bad_request"},
        {"2 an unknown coding with a length", "Transfer-Encoding: x\r\nContent-Length: 5\r\n", "bad_request"},
        {"2 an empty coding with a length", "Transfer-Encoding:\r\nContent-Length: 5\r\n", "bad_request"},
        {"2 chunked twice", "Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n", "bad_request"},
        {"2 chunked and an empty line", "Transfer-Encoding: chunked\r\nTransfer-Encoding:\r\n", "bad_request"},
        {"2 a list", "Transfer-Encoding: gzip, chunked\r\n", "bad_request"},
        {"2 a list of one", "Transfer-Encoding: chunked,\r\n", "bad_request"},
        {"2 a list with nothing first", "Transfer-Encoding: ,chunked\r\n", "bad_request"},
        {"2 chunked not last", "Transfer-Encoding: chunked, identity\r\n", "bad_request"},
        {"2 a parameter", "Transfer-Encoding: chunked;a=b\r\n", "bad_request"},
        {"2 a blank within", "Transfer-Encoding: chun ked\r\n", "bad_request"},
        {"2 in quotes", "Transfer-Encoding: \"chunked\"\r\n", "bad_request"},
        {"2 empty", "Transfer-Encoding:\r\n", "bad_request"},
        {"2 identity", "Transfer-Encoding: identity\r\n", "bad_request"},
        {"2 gzip", "Transfer-Encoding: gzip\r\n", "bad_request"},
        {"2 nearly chunked", "Transfer-Encoding: xchunked\r\n", "bad_request"},
        {"2 nearly chunked at the end", "Transfer-Encoding: chunkedx\r\n", "bad_request"},
        {"3 differing lengths", "Content-Length: 5\r\nContent-Length: 6\r\n", "bad_request"},
        {"3 equal lengths", "Content-Length: 5\r\nContent-Length: 5\r\n", "bad_request"},
        {"3 a list of lengths", "Content-Length: 5, 5\r\n", "bad_request"},
        {"3 an empty length", "Content-Length:\r\n", "bad_request"},
        {"3 a sign", "Content-Length: +5\r\n", "bad_request"},
        {"3 a negative length", "Content-Length: -1\r\n", "bad_request"},
        {"3 2^64", "Content-Length: 18446744073709551616\r\n", "bad_request"},
        {"3 2^64 and a request", "Content-Length: 18446744073709551621\r\n", "bad_request"},
        {"3 40 digits", "Content-Length: 1000000000000000000000000000000000000000\r\n", "bad_request"},
        {"3 hexadecimal", "Content-Length: 0x5\r\n", "bad_request"},
        {"3 letters behind", "Content-Length: 5a\r\n", "bad_request"},
    };
    for (const framing_case& c : cases) {
        EXPECT_EQ(of_request(c.fields), c.result) << c.name;
        EXPECT_EQ(of_request(c.fields, "1.1", "GET"), c.result) << c.name << ": the method means nothing";
    }
}

TEST(Framing, OfAnOldRequestIsNeverChunked)
{
    EXPECT_EQ(of_request("Transfer-Encoding: chunked\r\n", "1.0"), "bad_request");   // HARDENING 2
    EXPECT_EQ(of_request("Transfer-Encoding: identity\r\n", "1.0"), "bad_request");
    EXPECT_EQ(of_request("Content-Length: 5\r\n", "1.0"), "length 5");
    EXPECT_EQ(of_request("", "1.0"), "none");
}

TEST(Framing, OfAResponseFollowsTheRfc)
{
    const std::vector<framing_case> cases{
        {"a length", "Content-Length: 5\r\n", "length 5"},
        {"a length of 0", "Content-Length: 0\r\n", "length 0"},
        {"chunked", "Transfer-Encoding: chunked\r\n", "chunked"},
        {"chunked in any case", "Transfer-Encoding: Chunked\r\n", "chunked"},
        {"nothing said", "", "until_close, close"},
        {"the connection closes", "Content-Length: 5\r\nConnection: close\r\n", "length 5, close"},
        {"20.2 a name that nobody has registered", "Transfer-Encoding: x-unheard\r\n", "until_close, close"},
        {"20.2 and a length", "Transfer-Encoding: x-unheard\r\nContent-Length: 5\r\n", "until_close, close"},
        {"20.2 and a parameter", "Transfer-Encoding: x-unheard;a=b\r\n", "until_close, close"},
        {"20.2 a compression", "Transfer-Encoding: gzip\r\n", "origin_invalid"},
        {"20.2 in any case", "Transfer-Encoding: X-GZip\r\n", "origin_invalid"},
        {"20.2 with a parameter", "Transfer-Encoding: deflate ;q=1\r\n", "origin_invalid"},
        {"20.2 a compression and a length", "Transfer-Encoding: gzip\r\nContent-Length: 5\r\n", "origin_invalid"},
        {"20.2 a compression below chunked", "Transfer-Encoding: gzip, chunked\r\n", "origin_invalid"},
        {"20.2 any coding below chunked", "Transfer-Encoding: x-unheard, chunked\r\n", "origin_invalid"},
        {"20.2 chunked on the last line", "Transfer-Encoding: gzip\r\nTransfer-Encoding: chunked\r\n", "origin_invalid"},
        {"20.2 chunked not last", "Transfer-Encoding: chunked, gzip\r\n", "origin_invalid"},
        {"25 chunked twice", "Transfer-Encoding: chunked, chunked\r\n", "origin_invalid"},
        {"25 chunked twice, on two lines", "Transfer-Encoding: chunked\r\nTransfer-Encoding: gzip, CHUNKED\r\n", "origin_invalid"},
        {"20.2 empty members are none", "Transfer-Encoding: chunked, ,\r\n", "chunked"},
        {"20.2 an empty line is none", "Transfer-Encoding: chunked\r\nTransfer-Encoding:\r\n", "chunked"},
        {"20.2 blanks around", "Transfer-Encoding: ,\t chunked \t,\r\n", "chunked"},
        {"20.2 nearly chunked", "Transfer-Encoding: xchunked\r\n", "origin_invalid"},
        {"20.2 in quotes", "Transfer-Encoding: \"chunked\"\r\n", "origin_invalid"},
        {"20.2 as a parameter", "Transfer-Encoding: x-unheard;chunked\r\n", "origin_invalid"},
        {"20.2 no name", "Transfer-Encoding: a b\r\n", "origin_invalid"},
        {"20.2 two that nobody knows", "Transfer-Encoding: a, b\r\n", "origin_invalid"},
        {"20.2 a parameter", "Transfer-Encoding: chunked;a\r\n", "origin_invalid"},
        {"20.2 empty", "Transfer-Encoding:\r\n", "origin_invalid"},
        {"20.3 both", "Transfer-Encoding: chunked\r\nContent-Length: 5\r\n", "chunked, close"},
        {"20.3 both the other way", "Content-Length: 5\r\nTransfer-Encoding: chunked\r\n", "chunked, close"},
        {"20.3 both, the length bad", "Content-Length: x\r\nTransfer-Encoding: chunked\r\n", "origin_invalid"},
        {"20.3 equal lengths", "Content-Length: 5\r\nContent-Length: 5\r\n", "length 5"},
        {"20.3 differing lengths", "Content-Length: 5\r\nContent-Length: 6\r\n", "origin_invalid"},
        {"20.3 a list", "Content-Length: 5, 5\r\n", "origin_invalid"},
        {"25 negative", "Content-Length: -1\r\n", "origin_invalid"},
        {"25 a sign", "Content-Length: +5\r\n", "origin_invalid"},
        {"25 2^64", "Content-Length: 18446744073709551616\r\n", "origin_invalid"},
        {"25 empty", "Content-Length:\r\n", "origin_invalid"},
    };
    for (const framing_case& c : cases) {
        EXPECT_EQ(of_response(c.fields), c.result) << c.name;
    }
}

TEST(Framing, OfAnOldResponseIsNeverChunked)
{
    EXPECT_EQ(of_response("Transfer-Encoding: chunked\r\n", 200, method::get, "1.0"), "origin_invalid");   // 20.8
    EXPECT_EQ(of_response("", 200, method::get, "1.0"), "until_close, close");
    EXPECT_EQ(of_response("Content-Length: 5\r\n", 200, method::get, "1.0"), "length 5, close");
    EXPECT_EQ(of_response("Content-Length: 5\r\nConnection: keep-alive\r\n", 200, method::get, "1.0"), "length 5");
}

TEST(Framing, KnowsWhatNeverHasContent)
{
    for (const char* fields : {"", "Content-Length: 5\r\n", "Transfer-Encoding: chunked\r\n"}) {
        EXPECT_EQ(of_response(fields, 200, method::head), "none") << fields;
        EXPECT_EQ(of_response(fields, 404, method::head), "none") << fields;
        EXPECT_EQ(of_response(fields, 204), "none") << fields;
        EXPECT_EQ(of_response(fields, 304), "none") << fields;
        EXPECT_EQ(of_response(fields, 100), "none") << fields;
        EXPECT_EQ(of_response(fields, 103), "none") << fields;
    }
    EXPECT_EQ(of_response("Content-Length: 5\r\n", 205), "length 5");
    EXPECT_EQ(of_response("Content-Length: x\r\n", 304), "origin_invalid") << "malformed is malformed";
    EXPECT_EQ(of_response("Content-Length: 5\r\nConnection: close\r\n", 204), "none, close");
}

}  // namespace
}  // namespace tiercel
