#include "telemetry/escape.hpp"

#include <boost/json.hpp>
#include <gtest/gtest.h>

#include <random>
#include <vector>

namespace tiercel::telemetry {
namespace {

std::string escaped(char* (*escape)(char*, std::string_view) noexcept, std::string_view raw)
{
    // Exactly the room that is promised to suffice, on the heap, so that a sanitizer sees one byte more.
    std::vector<char> room(escaped_capacity(raw.size()));
    const std::string exact_copy(raw);
    const std::vector<char> in(exact_copy.begin(), exact_copy.end());
    const char* end = escape(room.data(), {in.data(), in.size()});
    return {room.data(), static_cast<std::size_t>(end - room.data())};
}

std::string json_of(std::string_view raw) { return escaped(escape_json, raw); }

TEST(EscapeJson, LeavesPlainTextOfAnyLengthAlone)
{
    const std::string text = "abcdefghijklmnopqrstuvwxyz ABCDEFGHIJKLMNOPQRSTUVWXYZ 0123456789 !#$%&'()*+,-./:;<=>?@[]^_`{|}~";
    for (std::size_t n = 0; n <= text.size(); ++n) { EXPECT_EQ(json_of(text.substr(0, n)), text.substr(0, n)); }
}

TEST(EscapeJson, FindsWhatNeedsEscapingAtEachPositionOfEachLength)
{
    const std::vector<std::pair<char, std::string>> hostile{{'"', "\\\""},       {'\\', "\\\\"},     {'\r', "\\u000d"},
                                                            {'\n', "\\u000a"},   {'\0', "\\u0000"},  {'\x1b', "\\u001b"},
                                                            {'\x7f', "\\u007f"}, {'\xff', "\\ufffd"}, {'\x1f', "\\u001f"}};
    for (const auto& [c, written] : hostile) {
        for (std::size_t n = 1; n <= 50; ++n) {
            for (std::size_t at = 0; at < n; ++at) {
                std::string raw(n, 'x');
                raw[at] = c;
                EXPECT_EQ(json_of(raw), std::string(at, 'x') + written + std::string(n - at - 1, 'x'));
            }
        }
    }
}

TEST(EscapeJson, KeepsUtf8AndReplacesWhatIsNot)
{
    const std::vector<std::pair<std::string, std::string>> cases{
        {"\xc3\xa9", "\xc3\xa9"},                              // é
        {"\xe2\x82\xac", "\xe2\x82\xac"},                      // €
        {"\xf0\x9f\x98\x80", "\xf0\x9f\x98\x80"},              // an emoji
        {"\xc2\x9b", "\\u009b"},                               // C1 control: a terminal may read it as ESC [
        {"\xc2\xa0", "\xc2\xa0"},
        {"\x80", "\\ufffd"},
        {"\xc0\xaf", "\\ufffd\\ufffd"},                        // overlong '/'
        {"\xe0\x80\xaf", "\\ufffd\\ufffd\\ufffd"},
        {"\xed\xa0\x80", "\\ufffd\\ufffd\\ufffd"},             // surrogate
        {"\xf4\x90\x80\x80", "\\ufffd\\ufffd\\ufffd\\ufffd"},  // above U+10FFFF
        {"\xc3", "\\ufffd"},                                   // cut off
        {"\xe2\x82", "\\ufffd\\ufffd"},
        {"\xe2\x82" "a", "\\ufffd\\ufffd" "a"},
    };
    for (const auto& [raw, written] : cases) {
        EXPECT_EQ(json_of(raw), written);
        EXPECT_EQ(json_of("0123456789abcdef" + raw), "0123456789abcdef" + written);
    }
}

TEST(EscapeJson, AnyBytesBecomeAValidString)
{
    std::mt19937 random(1);
    for (int i = 0; i < 5000; ++i) {
        std::string raw(random() % 70, '\0');
        for (auto& c : raw) { c = static_cast<char>(random() % 4 == 0 ? random() : 'a' + random() % 26); }
        const auto text = '"' + json_of(raw) + '"';
        boost::json::error_code ec;
        boost::json::parse(text, ec);
        EXPECT_FALSE(ec) << text;
        for (const char c : text) { EXPECT_FALSE(static_cast<unsigned char>(c) < 0x20 || c == 0x7f); }
    }
}

TEST(EscapeText, WritesOnlyPrintableAscii)
{
    EXPECT_EQ(escaped(escape_text, "plain text that is longer than one block"), "plain text that is longer than one block");
    EXPECT_EQ(escaped(escape_text, "a\"b\\c\r\n\x1b[31m\xc3\xa9\x7f"), "a\\\"b\\\\c\\x0d\\x0a\\x1b[31m\\xc3\\xa9\\x7f");
}

TEST(EscapeLabel, FollowsTheExpositionFormat)
{
    EXPECT_EQ(escape_label("plain"), "plain");
    EXPECT_EQ(escape_label("a\"b\\c\nd"), "a\\\"b\\\\c\\nd");
    EXPECT_EQ(escape_label("\xc3\xa9\xff"), "\xc3\xa9\xef\xbf\xbd");
}

}  // namespace
}  // namespace tiercel::telemetry
