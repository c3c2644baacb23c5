#include "http/uri_reference.hpp"

#include <gtest/gtest.h>

namespace tiercel {
namespace {

std::string resolved(std::string_view reference, base_uri base = {"http", "a", "/b/c/d;p", "q", true})
{
    return resolve_reference(base, reference).value_or("nothing");
}

struct example {
    std::string_view reference;
    std::string_view uri;
};

TEST(UriReference, ResolvesTheExamplesOfTheStandard)   // RFC 3986 §5.4.1 and §5.4.2, without fragments
{
    for (const example& e : {
             example{"g", "http://a/b/c/g"},
             example{"./g", "http://a/b/c/g"},
             example{"g/", "http://a/b/c/g/"},
             example{"/g", "http://a/g"},
             example{"//g", "http://g/"},
             example{"?y", "http://a/b/c/d;p?y"},
             example{"g?y", "http://a/b/c/g?y"},
             example{"#s", "http://a/b/c/d;p?q"},
             example{"g#s", "http://a/b/c/g"},
             example{"g?y#s", "http://a/b/c/g?y"},
             example{";x", "http://a/b/c/;x"},
             example{"g;x", "http://a/b/c/g;x"},
             example{"", "http://a/b/c/d;p?q"},
             example{".", "http://a/b/c/"},
             example{"./", "http://a/b/c/"},
             example{"..", "http://a/b/"},
             example{"../", "http://a/b/"},
             example{"../g", "http://a/b/g"},
             example{"../..", "http://a/"},
             example{"../../", "http://a/"},
             example{"../../g", "http://a/g"},
             example{"../../../g", "http://a/g"},
             example{"../../../../g", "http://a/g"},
             example{"/./g", "http://a/g"},
             example{"/../g", "http://a/g"},
             example{"g.", "http://a/b/c/g."},
             example{".g", "http://a/b/c/.g"},
             example{"g..", "http://a/b/c/g.."},
             example{"..g", "http://a/b/c/..g"},
             example{"./../g", "http://a/b/g"},
             example{"./g/.", "http://a/b/c/g/"},
             example{"g/./h", "http://a/b/c/g/h"},
             example{"g/../h", "http://a/b/c/h"},
             example{"g;x=1/./y", "http://a/b/c/g;x=1/y"},
             example{"g;x=1/../y", "http://a/b/c/y"},
             example{"g?y/./x", "http://a/b/c/g?y/./x"},
             example{"g?y/../x", "http://a/b/c/g?y/../x"},
             example{"g#s/../x", "http://a/b/c/g"},
         }) {
        EXPECT_EQ(resolved(e.reference), e.uri) << e.reference;
    }
}

TEST(UriReference, KeepsAbsoluteOnes)
{
    EXPECT_EQ(resolved("http://h:81/x/../y?z"), "http://h:81/y?z");
    EXPECT_EQ(resolved("HTTPS://h"), "HTTPS://h/");
    EXPECT_EQ(resolved("https://h?x"), "https://h/?x");
    EXPECT_EQ(resolved("//h:81/x"), "http://h:81/x");
    EXPECT_EQ(resolved("//h/x", {"https", "a", "/", "", false}), "https://h/x");
}

TEST(UriReference, KnowsNoOtherSchemes)
{
    for (const std::string_view r : {"ftp://a/b", "mailto:a@b", "http:g", "javascript:alert(1)", "urn:a:b"}) {
        EXPECT_EQ(resolved(r), "nothing") << r;
    }
    EXPECT_EQ(resolved("1:g"), "http://a/b/c/1:g");   // begins with no letter: a path, if an odd one
}

TEST(UriReference, RefusesWhatIsNoUri)
{
    for (const std::string_view r : {"/a b", "/a\tb", "/\x7f", "/\xc3\xa4", "\\\\h\\x", "/a\\b"}) {
        EXPECT_EQ(resolved(r), "nothing") << r;
    }
}

TEST(UriReference, AnEmptyBasePathIsTheRoot)
{
    EXPECT_EQ(resolved("g", {"http", "a", "/", "", false}), "http://a/g");
    EXPECT_EQ(resolved("g", {"http", "a", "", "", false}), "http://a/g");
    EXPECT_EQ(resolved("", {"http", "a", "/x", "", true}), "http://a/x?");
}

}  // namespace
}  // namespace tiercel
