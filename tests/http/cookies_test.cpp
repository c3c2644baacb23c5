#include "http/cookies.hpp"

#include "heads.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <map>
#include <optional>
#include <random>
#include <string>
#include <vector>

namespace tiercel {
namespace {

using std::string;

struct reading_case {
    const char* name;
    const char* cookies;
    cookie_sense sense;
    const char* pairs = "";
};

const reading_case readings[] = {
    {"the only one", "lang=de", cookie_sense::one, "lang=de"},
    {"among others", "a=b; lang=de; c=d", cookie_sense::one, "lang=de"},
    {"no blank between", "a=b;lang=de;c=d", cookie_sense::one, "lang=de"},
    {"empty", "lang=", cookie_sense::one, "lang="},
    {"in quotes, which belong to it", "lang=\"de\"", cookie_sense::one, "lang=\"de\""},
    {"with = in the value", "lang=a=b", cookie_sense::one, "lang=a=b"},
    {"none", "a=b; language=de; slang=x; b=lang", cookie_sense::absent},
    {"empty field", "", cookie_sense::absent},
    {"none, in a field that has no form", "a={\"b\": [1, 2]}; c", cookie_sense::absent},

    {"twice", "lang=a; x=y; lang=b", cookie_sense::several, "lang=a; lang=b"},
    {"twice the same", "lang=a; lang=a", cookie_sense::several, "lang=a; lang=a"},
    {"in another case", "LANG=de", cookie_sense::several, "LANG=de"},
    {"escaped", "%6cang=de", cookie_sense::several, "%6cang=de"},

    {"blanks round =", "lang = evil", cookie_sense::doubtful},
    {"a tab before =", "lang\t=evil", cookie_sense::doubtful},
    {"a blank behind =", "lang= evil", cookie_sense::doubtful},
    {"a blank before ;", "lang=de ; a=b", cookie_sense::doubtful},
    {"blanks within", "lang=a b", cookie_sense::doubtful},
    {"no =", "lang", cookie_sense::doubtful},
    {"a comma that may end one", "x=1, lang=evil", cookie_sense::doubtful},
    {"a blank that may end one", "x=1 lang=evil", cookie_sense::doubtful},
    {"quotes that may run over it", "x=\"; lang=de; y=\"", cookie_sense::doubtful},
    {"a backslash", "lang=a\\b", cookie_sense::doubtful},
    {"something else that some give up at", "lang=de; x={\"a\":1}", cookie_sense::doubtful},
    {"a pair without =", "x; lang=de", cookie_sense::doubtful},
    {"a pair without name", "=x; lang=de", cookie_sense::doubtful},
    {"nothing behind ;", "lang=de;", cookie_sense::doubtful},
    {"an attribute", "Path=/; lang=de", cookie_sense::doubtful},
    {"an attribute of RFC 2965", "$Version=1; lang=de", cookie_sense::doubtful},
    {"an element of an array", "lang[0]=de", cookie_sense::doubtful},
    {"letters beyond ASCII", "lang=de; x=\xc3\xa9", cookie_sense::doubtful},
};

TEST(Cookies, OneValueCountsOnlyWhereEverybodyFindsIt)
{
    for (const reading_case& c : readings) {
        const named_cookie found = find_cookie(made_request{{"Cookie", c.cookies}}, "lang");
        EXPECT_EQ(found.sense, c.sense) << c.name;
        EXPECT_EQ(found.pairs, c.pairs) << c.name;
    }
    EXPECT_EQ(find_cookie(made_request{{"Host", "a"}}, "lang").sense, cookie_sense::absent);
    EXPECT_EQ(find_cookie(made_request{{"Cookie", "user.lang=de"}}, "user_lang").sense, cookie_sense::several) << "PHP";
}

TEST(Cookies, SeveralLinesAreDoubtfulWhereTheyNameIt)
{
    EXPECT_EQ(find_cookie(made_request{{"Cookie", "lang=a"}, {"Cookie", "lang=b"}}, "lang").sense, cookie_sense::doubtful);
    EXPECT_EQ(find_cookie(made_request{{"Cookie", "x=a"}, {"Cookie", "lang=b"}}, "lang").sense, cookie_sense::doubtful);
    EXPECT_EQ(find_cookie(made_request{{"Cookie", "x=a"}, {"Cookie", "y=b"}}, "lang").sense, cookie_sense::absent);
}

TEST(Cookies, AFieldWithVeryManyIsDoubtful)
{
    string many;
    for (std::size_t i = 1; i < most_cookies; ++i) {
        many += "a=b; ";
    }
    EXPECT_EQ(find_cookie(made_request{{"Cookie", many + "lang=de"}}, "lang").sense, cookie_sense::one);
    EXPECT_EQ(find_cookie(made_request{{"Cookie", many + "a=b; lang=de"}}, "lang").sense, cookie_sense::doubtful);
}

// ---- origins of all kinds ----

struct origin_kind {
    const char* name;
    const char* separators;      // between cookies
    bool trims = true;
    bool folds_case = false;
    bool quotes = false;         // separators inside of quotes are none, and quotes are no part of the value
    bool last_wins = false;
    bool gives_up = false;       // at the first that has no "=", or a blank or comma in it
    bool unifies = false;        // "la.ng" is "la_ng"
};

const origin_kind kinds[] = {
    {"strict", ";", false},
    {"trimming, as Django", ";", true, false, false, true},
    {"first wins, as PHP", ";", true, false, false, false, false, true},
    {"without case, as ASP.NET", ";", true, true},
    {"commas, as old Java", ";,", true, false, true},
    {"blanks, as old Python", "; \t", true, false, true, true},
    {"giving up, as Python", ";", true, false, true, true, true},
    {"commas in any case, last wins", ";,", true, true, false, true},
};

string trimmed(const string& s)
{
    const auto begin = s.find_first_not_of(" \t");
    return begin == string::npos ? "" : s.substr(begin, s.find_last_not_of(" \t") - begin + 1);
}

std::vector<string> pieces_of(const string& text, const origin_kind& k)
{
    std::vector<string> all(1);
    bool inside = false;
    for (std::size_t i = 0; i < text.size(); ++i) {
        if (k.quotes && inside && text[i] == '\\' && i + 1 < text.size()) {
            all.back() += text[++i];
            continue;
        }
        inside = k.quotes && text[i] == '"' ? !inside : inside;
        if (!inside && string(k.separators).find(text[i]) != string::npos) {
            all.emplace_back();
        } else {
            all.back() += text[i];
        }
    }
    return all;
}

std::optional<string> found_by(const origin_kind& k, const string& text, const string& wanted)
{
    std::optional<string> found;
    for (string piece : pieces_of(text, k)) {
        if (k.trims) {
            piece = trimmed(piece);
        } else if (piece.starts_with(' ')) {
            piece.erase(0, 1);
        }
        const auto equals = piece.find('=');
        if (k.gives_up && (equals == string::npos || piece.find_first_of(" ,\t") != string::npos ||
                           piece.find('[') < equals || piece.starts_with("path=") || piece.starts_with("$"))) {
            return std::nullopt;
        }
        if (equals == string::npos) {
            continue;
        }
        string name = piece.substr(0, equals);
        string value = piece.substr(equals + 1);
        if (k.trims) {
            name = trimmed(name);
            value = trimmed(value);
        }
        if (k.folds_case) {
            std::transform(name.begin(), name.end(), name.begin(), [](char c) { return c >= 'A' && c <= 'Z' ? char(c + 32) : c; });
        }
        if (k.unifies) {
            std::replace(name.begin(), name.end(), '.', '_');
            name = name.substr(0, name.find('['));
        }
        if (k.quotes) {
            std::erase(value, '"');
        }
        if (name == wanted && (!found || k.last_wins)) {
            found = value;
        }
    }
    return found;
}

TEST(Cookies, WhatIsReadAlikeIsFoundAlikeByOriginsOfAllKinds)
{
    const std::vector<string> scraps{"la_g", "la_g", "la_g=", "la_g=de", "la_g=de", "la_g=en", "LA_G", "la.g", "la%5fg", "=", "=", " ", "\t",
                                     ";", "; ", "; ", "; ", ",", "\"", "\"", "\\", "x=1", "x", "path=/", "$Version=1", "[", "en"};
    std::mt19937 random(20'241);
    std::map<string, string> texts;   // by what was read
    int plain = 0;
    for (int i = 0; i < 60'000; ++i) {
        string text;
        for (int n = static_cast<int>(random() % 7); n >= 0; --n) {
            text += scraps[random() % scraps.size()];
        }
        text = trimmed(text);
        const named_cookie read = find_cookie(made_request{{"Cookie", text}}, "la_g");
        if (read.sense == cookie_sense::doubtful) {
            continue;   // the whole field counts
        }
        ++plain;
        const auto [same, is_new] = texts.try_emplace(std::to_string(static_cast<int>(read.sense)) + read.pairs, text);
        for (const origin_kind& k : kinds) {
            ASSERT_EQ(found_by(k, text, "la_g"), found_by(k, same->second, "la_g"))
                << k.name << ": |" << text << "| and |" << same->second << "|";
        }
    }
    EXPECT_GT(plain, 10'000);
    EXPECT_GT(texts.size(), 20u);
}

}  // namespace
}  // namespace tiercel
