#include "http/validators.hpp"

#include <gtest/gtest.h>

#include <vector>

namespace tiercel {
namespace {

struct pair_case {
    const char* name;
    const char* a;
    const char* b;
    bool weak;
    bool strong;
};

const std::vector<pair_case> pairs{
    {"equal strong tags", R"("1")", R"("1")", true, true},
    {"equal weak tags", R"(W/"1")", R"(W/"1")", true, false},
    {"weak and strong", R"(W/"1")", R"("1")", true, false},
    {"different weak tags", R"(W/"1")", R"(W/"2")", false, false},
    {"different strong tags", R"("1")", R"("2")", false, false},
    {"case of the opaque part", R"("a")", R"("A")", false, false},
    {"empty opaque parts", R"("")", R"("")", true, true},
    {"13.2 no quotes on one side", R"(1)", R"("1")", false, false},
    {"13.2 no quotes on both sides", R"(1)", R"(1)", true, true},
    {"13.2 small w against weak", R"(w/"1")", R"(W/"1")", false, false},
    {"13.2 small w against strong", R"(w/"1")", R"("1")", false, false},
    {"13.2 small w against itself", R"(w/"1")", R"(w/"1")", true, true},
    {"13.2 no slash against weak", R"(W"1")", R"(W/"1")", false, false},
    {"13.2 no slash against strong", R"(W"1")", R"("1")", false, false},
    {"13.2 no slash against itself", R"(W"1")", R"(W"1")", true, true},
    {"weak mark without quotes against the bare bytes", R"(W/1)", R"(1)", false, false},
    {"weak mark without quotes against itself", R"(W/1)", R"(W/1)", true, false},
    {"no tags at all", "", "", false, false},
    {"no tag and a tag", "", R"("")", false, false},
};

TEST(EntityTag, ComparesWeaklyAndStrongly)
{
    for (const pair_case& c : pairs) {
        EXPECT_EQ(weak_equal(c.a, c.b), c.weak) << c.name;
        EXPECT_EQ(weak_equal(c.b, c.a), c.weak) << c.name;
        EXPECT_EQ(strong_equal(c.a, c.b), c.strong) << c.name;
        EXPECT_EQ(strong_equal(c.b, c.a), c.strong) << c.name;
    }
}

TEST(EntityTag, IsWeakByItsMarkAlone)
{
    EXPECT_TRUE(is_weak(R"(W/"1")"));
    EXPECT_FALSE(is_weak(R"("1")"));
    EXPECT_FALSE(is_weak(R"(w/"1")"));
    EXPECT_FALSE(is_weak(R"(W"1")"));
    EXPECT_FALSE(is_weak(R"("W/")"));
    EXPECT_FALSE(is_weak(""));
}

struct list_case {
    const char* name;
    const char* list;
    const char* tag;
    bool holds;
};

const std::vector<list_case> lists{
    {"13.2 alone", R"("1")", R"("1")", true},
    {"13.2 alone and other", R"("2")", R"("1")", false},
    {"13.2 first", R"("1", "2", "3")", R"("1")", true},
    {"13.2 in the middle", R"("2", "1", "3")", R"("1")", true},
    {"13.2 last", R"("2", "3", "1")", R"("1")", true},
    {"13.2 nowhere", R"("2", "3", "4")", R"("1")", false},
    {"13.2 no blanks", R"("2","1","3")", R"("1")", true},
    {"13.2 tabs and many blanks", "  \"2\" \t,\t \"1\"\t", R"("1")", true},
    {"13.2 weak member, strong tag", R"("2", W/"1")", R"("1")", true},
    {"13.2 strong member, weak tag", R"("2", "1")", R"(W/"1")", true},
    {"13.2 star", "*", R"("1")", true},
    {"13.2 star with blanks", " * ", R"("1")", true},
    {"13.2 star for no tag", "*", "", true},
    {"star between quotes is a tag", R"("*")", R"("1")", false},
    {"star among others is a member", R"(*, "2")", R"("1")", false},
    {"13.2 member without quotes, tag with", "1", R"("1")", false},
    {"13.2 member and tag without quotes", "2, 1", "1", true},
    {"13.2 small w, tag weak", R"(w/"1")", R"(W/"1")", false},
    {"13.2 small w, tag the same", R"(w/"1")", R"(w/"1")", true},
    {"13.2 no slash, tag weak", R"(W"1")", R"(W/"1")", false},
    {"13.2 no slash, tag the same", R"("2", W"1")", R"(W"1")", true},
    {"comma in a tag", R"("a,b")", R"("a,b")", true},
    {"comma in a tag, among others", R"("2", W/"a,b", "3")", R"("a,b")", true},
    {"part of a tag with a comma", R"("a,b")", R"("a)", false},
    {"blank in a tag", R"("2", "a b")", R"("a b")", true},
    {"tag inside another", R"("2,"1",3")", R"("1")", true},   // no tag begins with `2`: its quotes mean nothing
    {"backslash escapes nothing", R"("a\", "1")", R"("1")", true},
    {"tag that ends in a backslash", R"("2", "a\")", R"("a\")", true},
    {"a tag after one that never ends", R"("2, "1")", R"("1")", true},
    {"a tag before one that never ends", R"("1", "2)", R"("1")", true},
    {"text behind a tag", R"("1"x)", R"("1")", false},
    {"text behind a tag, the same", R"("1"x)", R"("1"x)", true},
    {"empty members", R"(, ,"1",)", R"("1")", true},
    {"empty list", "", R"("1")", false},
    {"empty list, no tag", "", "", false},
    {"empty members, no tag", ", ,", "", false},
    {"prefix of a tag", R"("12")", R"("1")", false},
};

TEST(EntityTag, IsFoundInAList)
{
    for (const list_case& c : lists) {
        EXPECT_EQ(list_holds(c.list, c.tag), c.holds) << c.name;
    }
}

}  // namespace
}  // namespace tiercel
