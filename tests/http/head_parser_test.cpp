#include "http/head_parser.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <memory>
#include <optional>
#include <random>
#include <string>
#include <string_view>
#include <vector>

namespace tiercel {
namespace {

using namespace std::string_literals;

constexpr head_limits usual{};

// What a parser made of an input, in a form that can be compared.
struct seen {
    std::optional<errc> error;
    std::size_t length = 0;        // 0: wants more
    std::string first_line;
    std::vector<std::pair<std::string, std::string>> fields;

    friend bool operator==(const seen&, const seen&) = default;
};

void PrintTo(const seen& s, std::ostream* out)
{
    *out << (s.error ? name_of(*s.error) : "no error") << ", length " << s.length << ", " << s.first_line;
    for (const auto& [name, value] : s.fields) {
        *out << " | " << name << ": " << value;
    }
}

std::string first_line_of(const request_head& h)
{
    return std::string(h.verb_text) + ' ' + std::string(h.target) + ' ' + std::to_string(h.minor_version);
}

std::string first_line_of(const response_head& h)
{
    return std::to_string(h.minor_version) + ' ' + std::to_string(h.status) + ' ' + std::string(h.reason);
}

template <class Parser>
seen look(Parser& parser, const result<std::size_t>& r)
{
    seen s;
    if (!r) {
        s.error = errc_of(r.error());
    } else if (*r != 0) {
        s.length = *r;
        s.first_line = first_line_of(parser.head());
        for (const field& f : parser.head().fields) {
            s.fields.emplace_back(f.name, f.value);
            EXPECT_EQ(f.id, header_of(f.name));
            EXPECT_TRUE(f.id == header::other || parser.head().has(f.id));
        }
    }
    return s;
}

// Each read ends at one of `cuts` (sorted). The bytes move to another place with each read, as buffers do, and what lies behind
// them is out of bounds.
template <class Parser>
seen parse_in_pieces(std::string_view bytes, const std::vector<std::size_t>& cuts, const head_limits& limits)
{
    Parser parser(limits);
    std::vector<std::size_t> ends = cuts;
    ends.push_back(bytes.size());
    std::unique_ptr<char[]> memory;
    for (const std::size_t end : ends) {
        auto moved = std::make_unique<char[]>(end);
        std::copy_n(bytes.begin(), end, moved.get());
        memory = std::move(moved);
        const auto r = parser.parse(std::string_view(memory.get(), end));
        if (!r || *r != 0) {
            return look(parser, r);
        }
    }
    return {};
}

template <class Parser>
seen parse_whole(std::string_view bytes, const head_limits& limits = usual)
{
    return parse_in_pieces<Parser>(bytes, {}, limits);
}

seen request(std::string_view bytes, const head_limits& limits = usual) { return parse_whole<request_head_parser>(bytes, limits); }
seen response(std::string_view bytes, const head_limits& limits = usual) { return parse_whole<response_head_parser>(bytes, limits); }

// The same answer for the whole, byte by byte, and for random pieces.
template <class Parser>
void check_any_split(std::string_view bytes, const head_limits& limits = usual)
{
    const seen whole = parse_whole<Parser>(bytes, limits);
    std::vector<std::size_t> all;
    for (std::size_t i = 0; i < bytes.size(); ++i) {
        all.push_back(i);
    }
    EXPECT_EQ(parse_in_pieces<Parser>(bytes, all, limits), whole) << testing::PrintToString(std::string(bytes.substr(0, 200)));
    std::mt19937 random(static_cast<unsigned>(bytes.size()));
    for (int round = 0; round < 20; ++round) {
        std::vector<std::size_t> cuts;
        const std::size_t count = 1 + random() % 6;
        for (std::size_t i = 0; i < count; ++i) {
            cuts.push_back(random() % (bytes.size() + 1));
        }
        std::sort(cuts.begin(), cuts.end());
        EXPECT_EQ(parse_in_pieces<Parser>(bytes, cuts, limits), whole) << testing::PrintToString(std::string(bytes.substr(0, 200)));
    }
}

std::string with_fields(std::string_view lines) { return "GET / HTTP/1.1\r\nHost: a\r\n" + std::string(lines) + "\r\n\r\n"; }

// ---- Requests that are well formed -----------------------------------------------------------------------------------------

TEST(RequestHeadParser, ReadsAHead)
{
    const std::string text = "POST /a?b=c HTTP/1.1\r\nHost: example.com\r\nX-Thing:  some value \t\r\nempty:\r\n\r\nbody";
    request_head_parser parser(usual);
    const auto r = parser.parse(text);
    ASSERT_TRUE(r);
    EXPECT_EQ(*r, text.size() - 4);
    const request_head& h = parser.head();
    EXPECT_EQ(h.verb, method::post);
    EXPECT_EQ(h.verb_text, "POST");
    EXPECT_EQ(h.target, "/a?b=c");
    EXPECT_EQ(h.minor_version, 1);
    ASSERT_EQ(h.fields.size(), 3u);
    EXPECT_EQ(h.fields[0].id, header::host);
    EXPECT_EQ(h.fields[1].name, "X-Thing");
    EXPECT_EQ(h.fields[1].value, "some value");
    EXPECT_EQ(h.fields[2].value, "");
    EXPECT_TRUE(h.has(header::host));
    EXPECT_FALSE(h.has(header::cookie));
}

struct accepted_case {
    const char* name;
    std::string bytes;
    const char* first_line;      // method, target, minor version
    std::size_t fields;
};

TEST(RequestHeadParser, AcceptsWhatTheGrammarAllows)
{
    const std::vector<accepted_case> cases{
        {"no fields", "GET / HTTP/1.1\r\n\r\n", "GET / 1", 0},
        {"HTTP/1.0", "GET / HTTP/1.0\r\n\r\n", "GET / 0", 0},
        {"a higher minor version", "GET / HTTP/1.7\r\n\r\n", "GET / 1", 0},
        {"an empty line before", "\r\nGET / HTTP/1.1\r\n\r\n", "GET / 1", 0},
        {"a method of our own", "M-SEARCH / HTTP/1.1\r\n\r\n", "M-SEARCH / 1", 0},
        {"all characters of a token", "!#$%&'*+-.^_`|~ / HTTP/1.1\r\n\r\n", "!#$%&'*+-.^_`|~ / 1", 0},
        {"a method of 32", std::string(32, 'A') + " / HTTP/1.1\r\n\r\n", "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA / 1", 0},
        {"star", "OPTIONS * HTTP/1.1\r\n\r\n", "OPTIONS * 1", 0},
        {"absolute form", "GET http://a/b HTTP/1.1\r\n\r\n", "GET http://a/b 1", 0},
        {"a colon in a value", with_fields("a: b:c"), "GET / 1", 2},
        {"no blank behind the colon", with_fields("a:b"), "GET / 1", 2},
        {"tabs around a value", with_fields("a:\tb\t"), "GET / 1", 2},
        {"blanks alone", with_fields("a:  \t "), "GET / 1", 2},
        {"obs-text", with_fields("a: \x80\xff"), "GET / 1", 2},
        {"repeated names", with_fields("a: b\r\na: c"), "GET / 1", 3},
    };
    for (const accepted_case& c : cases) {
        const seen s = request(c.bytes);
        EXPECT_EQ(s.length, c.bytes.size()) << c.name;
        EXPECT_EQ(s.first_line, c.first_line) << c.name;
        EXPECT_EQ(s.fields.size(), c.fields) << c.name;
        check_any_split<request_head_parser>(c.bytes);
    }
}

TEST(RequestHeadParser, TrimsBlanksOnlyAroundTheValue)
{
    const seen s = request(with_fields("a: \t b \t c \t "));
    ASSERT_EQ(s.fields.size(), 2u);
    EXPECT_EQ(s.fields[1].second, "b \t c");
}

TEST(RequestHeadParser, LeavesWhatFollowsTheHead)
{
    const std::string first = "GET /1 HTTP/1.1\r\n\r\n";
    const std::string second = "GET /2 HTTP/1.0\r\nA: b\r\n\r\n";
    const std::string both = first + second;
    request_head_parser parser(usual);
    const auto one = parser.parse(both);
    ASSERT_TRUE(one);
    EXPECT_EQ(*one, first.size());
    const auto two = parser.parse(std::string_view(both).substr(*one));
    ASSERT_TRUE(two);
    EXPECT_EQ(*two, second.size());
    EXPECT_EQ(parser.head().target, "/2");
    EXPECT_EQ(parser.head().fields.size(), 1u);
}

TEST(RequestHeadParser, BeginsAnewAfterAnError)
{
    request_head_parser parser(usual);
    EXPECT_TRUE(parser.parse("GET /a HTTP/1.1\r\nA: b\r\n"));
    EXPECT_FALSE(parser.parse("GET /a HTTP/1.1\r\nA: b\r\n\n"));
    const std::string good = "GET /b HTTP/1.1\r\n\r\n";
    const auto r = parser.parse(good);
    ASSERT_TRUE(r);
    EXPECT_EQ(*r, good.size());
    EXPECT_EQ(parser.head().target, "/b");
}

TEST(RequestHeadParser, WaitsForTheRest)
{
    const std::string text = with_fields("a: b");
    for (std::size_t n = 0; n < text.size(); ++n) {
        const seen s = request(std::string_view(text).substr(0, n));
        EXPECT_EQ(s, seen{}) << n;
    }
}

// ---- Requests that are not -----------------------------------------------------------------------------------------------------

struct refused_case {
    const char* name;
    std::string bytes;
    errc error = errc::bad_request;
};

TEST(RequestHeadParser, RefusesEveryHostileForm)
{
    const std::vector<refused_case> cases{
        // the request line (HARDENING 9)
        {"9 no version", "GET /\r\n\r\n"},
        {"9 HTTP/0.9", "GET / HTTP/0.9\r\n\r\n", errc::version_not_supported},
        {"9 HTTP/2.0", "GET / HTTP/2.0\r\n\r\n", errc::version_not_supported},
        {"9 the preface of HTTP/2", "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", errc::version_not_supported},
        {"9 a version in small letters", "GET / http/1.1\r\n\r\n"},
        {"9 a version without minor", "GET / HTTP/1\r\n\r\n"},
        {"9 a version with two digits", "GET / HTTP/1.10\r\n\r\n"},
        {"9 a version with two digits before", "GET / HTTP/11.1\r\n\r\n"},
        {"9 something behind the version", "GET / HTTP/1.1 \r\n\r\n"},
        {"9 another protocol", "GET / ICY/1.1\r\n\r\n"},
        {"9 two blanks", "GET  / HTTP/1.1\r\n\r\n"},
        {"9 two blanks behind the target", "GET /  HTTP/1.1\r\n\r\n"},
        {"9 no target", "GET  HTTP/1.1\r\n\r\n"},
        {"9 a tab for a blank", "GET\t/ HTTP/1.1\r\n\r\n"},
        {"9 a tab behind the target", "GET /\tHTTP/1.1\r\n\r\n"},
        {"9 a blank before the method", " GET / HTTP/1.1\r\n\r\n"},
        {"9 no method", "/ HTTP/1.1\r\n\r\n"},
        {"9 a blank in the target", "GET /a b HTTP/1.1\r\n\r\n"},
        {"9 a method that is no token", "G@T / HTTP/1.1\r\n\r\n"},
        {"9 a method with a NUL", "GE\0T / HTTP/1.1\r\n\r\n"s},
        {"9 a method of 33", std::string(33, 'A') + " / HTTP/1.1\r\n\r\n"},
        {"9 a NUL in the target", "GET /\0 HTTP/1.1\r\n\r\n"s},
        {"9 a control in the target", "GET /\x01 HTTP/1.1\r\n\r\n"},
        {"9 DEL in the target", "GET /\x7f HTTP/1.1\r\n\r\n"},
        {"9 a byte above 0x7f in the target", "GET /\xc3\xa4 HTTP/1.1\r\n\r\n"},
        {"9 a bare CR in the target", "GET /\r HTTP/1.1\r\n\r\n"},
        {"9 only one line end", "GET / HTTP/1.1\n\n"},
        {"9 a line end in the middle", "GET /\r\n HTTP/1.1\r\n\r\n"},
        {"an empty line twice", "\r\n\r\nGET / HTTP/1.1\r\n\r\n"},
        {"an empty line with a bare LF", "\nGET / HTTP/1.1\r\n\r\n"},
        {"a bare CR before", "\rGET / HTTP/1.1\r\n\r\n"},
        {"no HTTP at all", "\x16\x03\x01\x02"},
        // the fields (HARDENING 8; HTTP-CACHING 20.5)
        {"8 NUL in a value", with_fields("a: b\0c"s)},
        {"8 NUL in a name", with_fields("a\0b: c"s)},
        {"8 NUL alone in a value", with_fields("a: \0"s)},
        {"8 bare CR in a value", with_fields("a: b\rc")},
        {"8 bare CR at the end of a value", with_fields("a: b\r")},
        {"8 bare CR before the value", with_fields("a:\rb")},
        {"8 bare CR in a name", with_fields("a\rb: c")},
        {"8 bare LF in a value", with_fields("a: b\nc")},
        {"8 a line that ends in a bare LF", "GET / HTTP/1.1\r\nHost: a\nb: c\r\n\r\n"},
        {"8 the last line ends in a bare LF", "GET / HTTP/1.1\r\nHost: a\n\r\n"},
        {"8 the empty line is a bare LF", "GET / HTTP/1.1\r\nHost: a\r\n\n"},
        {"8 CR CR LF", "GET / HTTP/1.1\r\nHost: a\r\r\n\r\n"},
        {"8 a control in a value", with_fields("a: \x1b[0m")},
        {"8 DEL in a value", with_fields("a: \x7f")},
        {"8 a vertical tab", with_fields("a: b\vc")},
        {"8 a form feed", with_fields("a:\fb")},
        {"8 a folded line", with_fields("a: b\r\n c")},
        {"8 a line folded with a tab", with_fields("a: b\r\n\tc")},
        {"8 the first line folded", "GET / HTTP/1.1\r\n Host: a\r\n\r\n"},
        {"8 a blank before the colon", with_fields("a : b")},
        {"8 a tab before the colon", with_fields("a\t: b")},
        {"8 a blank in the name", with_fields("a b: c")},
        {"8 no colon", with_fields("abc")},
        {"8 no name", with_fields(": b")},
        {"8 a name with a separator", with_fields("a(b: c")},
        {"8 a name in quotes", with_fields("\"a\": c")},
        {"8 a name above 0x7f", with_fields("\xe4: c")},
        {"2 a coding hidden by a vertical tab", with_fields("Transfer-Encoding:\vchunked")},
        {"2 a coding hidden by a blank", with_fields("Transfer-Encoding : chunked")},
    };
    for (const refused_case& c : cases) {
        EXPECT_EQ(request(c.bytes).error, c.error) << c.name;
        check_any_split<request_head_parser>(c.bytes);
    }
}

TEST(RequestHeadParser, RefusesEveryControlEverywhere)
{
    for (int c = 0; c < 256; ++c) {
        const char byte = static_cast<char>(c);
        const bool control = (c < 0x20 && c != '\t') || c == 0x7f;
        if (control) {
            EXPECT_EQ(request(with_fields("a: b"s + byte + "c")).error, errc::bad_request) << c;
            EXPECT_EQ(response("HTTP/1.1 200 O"s + byte + "K\r\n\r\n").error, errc::origin_invalid) << c;
        }
        const bool plain = c > 0x20 && c < 0x7f;
        EXPECT_EQ(request("GET /"s + byte + "x HTTP/1.1\r\n\r\n").error.has_value(), !plain) << c;
    }
}

TEST(RequestHeadParser, RefusesABadFirstLineWithItsFirstBadByte)
{
    EXPECT_EQ(request("GET /\x80").error, errc::bad_request);
    EXPECT_EQ(request("G(").error, errc::bad_request);
    EXPECT_EQ(request("GET / HTTP/1.1\r\nA: b\n").error, errc::bad_request);
    EXPECT_EQ(request("GET / HTTP/3.0\r\n").error, errc::version_not_supported);
    EXPECT_EQ(request("\r\n\r").error, errc::bad_request);
}

// ---- Limits (HARDENING 14) ---------------------------------------------------------------------------------------------------

TEST(RequestHeadParser, KeepsTheLimitsToTheByte)
{
    head_limits limits;
    limits.uri = 10;
    limits.header_bytes = 100;
    limits.header_count = 3;
    const std::string ten = "/123456789";

    EXPECT_EQ(request("GET " + ten + " HTTP/1.1\r\n\r\n", limits).error, std::nullopt);
    EXPECT_EQ(request("GET " + ten + "0 HTTP/1.1\r\n\r\n", limits).error, errc::uri_too_long);
    EXPECT_EQ(request("GET " + ten, limits).error, std::nullopt);
    EXPECT_EQ(request("GET " + ten + "0", limits).error, errc::uri_too_long) << "at once, not at the end of the line";

    const std::string start = "GET / HTTP/1.1\r\nA: ";
    const std::string exact = start + std::string(100 - start.size() - 4, 'x') + "\r\n\r\n";
    ASSERT_EQ(exact.size(), 100u);
    EXPECT_EQ(request(exact, limits).length, 100u);
    EXPECT_EQ(request(exact + "and much more that belongs to the body" + std::string(1000, 'b'), limits).length, 100u);
    std::string longer = exact;
    longer.insert(start.size(), "x");
    EXPECT_EQ(request(longer, limits).error, errc::head_too_large);
    EXPECT_EQ(request(exact.substr(0, 99), limits).error, std::nullopt);
    EXPECT_EQ(request(longer.substr(0, 100), limits).error, errc::head_too_large) << "no more can come that would do";
    EXPECT_EQ(request("\r\n" + exact, limits).length, 102u) << "the line that is skipped does not count";

    EXPECT_EQ(request("GET / HTTP/1.1\r\na:\r\nb:\r\nc:\r\n\r\n", limits).fields.size(), 3u);
    EXPECT_EQ(request("GET / HTTP/1.1\r\na:\r\nb:\r\nc:\r\nd:\r\n\r\n", limits).error, errc::head_too_large);

    for (const std::string& text : {exact, longer, "GET " + ten + "0 HTTP/1.1\r\n\r\n", "GET / HTTP/1.1\r\na:\r\nb:\r\nc:\r\nd:\r\n\r\n"s,
                                    longer + "\n", longer + std::string(50, 'x') + "\nb", std::string(200, 'A'),
                                    "GET /" + std::string(200, '\x01'), exact + exact, "GET " + std::string(300, '/'),
                                    "GET / HTTP/1.1\r\nA: \x01" + std::string(200, 'b') + "\r\n\r\n"}) {
        check_any_split<request_head_parser>(text, limits);
        check_any_split<response_head_parser>(text, limits);
    }
}

TEST(RequestHeadParser, TakesManyFieldsInLinearTime)
{
    head_limits limits;
    limits.header_bytes = 64 * 1024 * 1024;
    limits.header_count = 1'000'000;
    std::string text = "GET / HTTP/1.1\r\n";
    for (int i = 0; i < 200'000; ++i) {
        text += "a: b\r\n";
    }
    text += "\r\n";
    EXPECT_EQ(request(text, limits).fields.size(), 200'000u);
}

// ---- Responses -------------------------------------------------------------------------------------------------------------------

TEST(ResponseHeadParser, AcceptsWhatTheGrammarAllows)
{
    const std::vector<accepted_case> cases{
        {"the usual", "HTTP/1.1 200 OK\r\nA: b\r\n\r\n", "1 200 OK", 1},
        {"HTTP/1.0", "HTTP/1.0 200 OK\r\n\r\n", "0 200 OK", 0},
        {"an empty reason", "HTTP/1.1 200 \r\n\r\n", "1 200 ", 0},
        {"no blank before an empty reason", "HTTP/1.1 200\r\n\r\n", "1 200 ", 0},
        {"several words", "HTTP/1.1 404 Not\tFound here\r\n\r\n", "1 404 Not\tFound here", 0},
        {"obs-text in the reason", "HTTP/1.1 200 \xe4\r\n\r\n", "1 200 \xe4", 0},
        {"an odd code", "HTTP/1.1 999 x\r\n\r\n", "1 999 x", 0},
        {"an interim one", "HTTP/1.1 103 Early Hints\r\nLink: x\r\n\r\n", "1 103 Early Hints", 1},
        {"a higher minor version", "HTTP/1.2 200 OK\r\n\r\n", "1 200 OK", 0},
    };
    for (const accepted_case& c : cases) {
        const seen s = response(c.bytes);
        EXPECT_EQ(s.length, c.bytes.size()) << c.name;
        EXPECT_EQ(s.first_line, c.first_line) << c.name;
        EXPECT_EQ(s.fields.size(), c.fields) << c.name;
        check_any_split<response_head_parser>(c.bytes);
    }
}

TEST(ResponseHeadParser, RefusesEveryHostileForm)
{
    const auto with = [](std::string_view lines) { return "HTTP/1.1 200 OK\r\n" + std::string(lines) + "\r\n\r\n"; };
    const std::vector<refused_case> cases{
        {"25 no head at all", "<html>\r\n\r\n"},
        {"25 an empty line first", "\r\nHTTP/1.1 200 OK\r\n\r\n"},
        {"25 HTTP/0.9", "HTTP/0.9 200 OK\r\n\r\n"},
        {"25 HTTP/2", "HTTP/2 200 OK\r\n\r\n"},
        {"25 ICY", "ICY 200 OK\r\n\r\n"},
        {"25 small letters", "http/1.1 200 OK\r\n\r\n"},
        {"25 no minor version", "HTTP/1. 200 OK\r\n\r\n"},
        {"25 two digits", "HTTP/1.11 200 OK\r\n\r\n"},
        {"25 two blanks", "HTTP/1.1  200 OK\r\n\r\n"},
        {"25 a tab", "HTTP/1.1\t200 OK\r\n\r\n"},
        {"25 two digits of status", "HTTP/1.1 20 OK\r\n\r\n"},
        {"25 four digits of status", "HTTP/1.1 2000 OK\r\n\r\n"},
        {"25 a status of 0", "HTTP/1.1 000 OK\r\n\r\n"},
        {"25 a status below 100", "HTTP/1.1 099 OK\r\n\r\n"},
        {"25 a negative status", "HTTP/1.1 -20 OK\r\n\r\n"},
        {"25 letters for a status", "HTTP/1.1 2x0 OK\r\n\r\n"},
        {"25 no status", "HTTP/1.1 OK\r\n\r\n"},
        {"25 NUL in the reason", "HTTP/1.1 200 O\0K\r\n\r\n"s},
        {"25 bare CR in the reason", "HTTP/1.1 200 O\rK\r\n\r\n"},
        {"25 bare LF", "HTTP/1.1 200 OK\nA: b\n\n"},
        {"25 NUL in a value", with("a: \0"s)},
        {"25 bare CR in a value", with("a: b\rc")},
        {"25 bare LF in a value", with("a: b\nc")},
        {"20.5 a folded line", with("a: b\r\n c")},
        {"20.5 a blank before the colon", with("a : b")},
        {"20.5 no colon", with("abc")},
    };
    for (const refused_case& c : cases) {
        EXPECT_EQ(response(c.bytes).error, errc::origin_invalid) << c.name;
        check_any_split<response_head_parser>(c.bytes);
    }
}

TEST(ResponseHeadParser, RefusesWhatWillNeverBecomeAStatusLine)
{
    EXPECT_EQ(response("S").error, errc::origin_invalid);
    EXPECT_EQ(response("HTTP/2").error, errc::origin_invalid);
    EXPECT_EQ(response("HTTP/1").error, std::nullopt);
}

TEST(ResponseHeadParser, KeepsTheLimitsToTheByte)
{
    head_limits limits;
    limits.header_bytes = 100;
    limits.header_count = 2;
    const std::string start = "HTTP/1.1 200 OK\r\nA: ";
    const std::string exact = start + std::string(100 - start.size() - 4, 'x') + "\r\n\r\n";
    EXPECT_EQ(response(exact, limits).length, 100u);
    EXPECT_EQ(response(exact + std::string(1000, 'b'), limits).length, 100u);
    std::string longer = exact;
    longer.insert(start.size(), "x");
    EXPECT_EQ(response(longer, limits).error, errc::origin_head_too_large);
    EXPECT_EQ(response(longer.substr(0, 100), limits).error, errc::origin_head_too_large);
    EXPECT_EQ(response(longer.substr(0, 99), limits).error, std::nullopt);
    EXPECT_EQ(response("HTTP/1.1 200 OK\r\na:\r\nb:\r\nc:\r\n\r\n", limits).error, errc::origin_head_too_large);
    check_any_split<response_head_parser>(exact, limits);
    check_any_split<response_head_parser>(longer, limits);
    check_any_split<response_head_parser>(longer + "\n", limits);
}

// ---- Anything ------------------------------------------------------------------------------------------------------------------------

TEST(HeadParsers, GiveTheSameAnswerHoweverTheBytesAreCut)
{
    // Random changes of a good head: mostly refused, sometimes accepted, always alike.
    const std::string good_request = "GET /a?b=c HTTP/1.1\r\nHost: a\r\nAccept: x\r\n\r\n";
    const std::string good_response = "HTTP/1.1 200 OK\r\nA: b\r\nDate: x\r\n\r\n";
    const std::string bytes = "\r\n \t:/AaHTP1.0\0\x7f\x80"s;
    head_limits limits;
    limits.uri = 12;
    limits.header_bytes = 60;
    limits.header_count = 3;
    std::mt19937 random(7);
    for (int i = 0; i < 1500; ++i) {
        for (const std::string& good : {good_request, good_response}) {
            std::string text = good;
            for (auto n = random() % 3 + 1; n > 0; --n) {
                const std::size_t at = random() % text.size();
                switch (random() % 3) {
                case 0: text[at] = bytes[random() % bytes.size()]; break;
                case 1: text.insert(at, 1, bytes[random() % bytes.size()]); break;
                default: text.erase(at, 1); break;
                }
            }
            check_any_split<request_head_parser>(text, limits);
            check_any_split<response_head_parser>(text, limits);
        }
    }
}

}  // namespace
}  // namespace tiercel
